"""What the floors above may want to do in the same transaction."""

from django.dispatch import Signal

# Sent while the company is being suspended, inside the transaction, with company (a Company).
company_suspended = Signal()
# Sent while a member's account is being closed, inside the transaction, with member (a User).
member_deactivated = Signal()
