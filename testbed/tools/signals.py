"""What the floors above may listen to."""

from django.dispatch import Signal

# Sent with `tool` after the press of an emergency stop has committed.
emergency_stopped = Signal()
