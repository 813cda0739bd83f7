"""What the floors above may listen to."""

from django.dispatch import Signal

# Sent with `tool` twice for a press of its emergency stop: at once, with `clicked_at`, before any
# row is locked; and when the flag has committed, with `clicked_at` None.
emergency_stopped = Signal()
