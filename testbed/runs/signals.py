"""What other floors may listen to."""

from django.dispatch import Signal

# Sent with `run` after the transaction that ended it has committed.
run_ended = Signal()
