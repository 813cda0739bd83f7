"""What others may want to hear of a tool's line of claims."""

from django.dispatch import Signal

# Sent when the transaction has committed, with tool_ids (a frozenset of ints), `start` and `end`
# (datetimes; everything that changed lies in [start, end)) and freed (bool: time was given back).
line_changed = Signal()

# Sent inside the transaction; what a receiver raises, undoes it.
# Before the claims of `booking_ids` are given back.
giving_back = Signal()
# Before and after `actor` (who may be None: the facility) moves `booking` to another time or tool.
moving = Signal()
moved = Signal()
# After the facility took the time of `booking`, which waits for a new one.
displaced = Signal()
