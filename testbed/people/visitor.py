"""Who is asking: the signed-in person behind a page's or the API's request."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from rest_framework.request import Request

from testbed.people.models import User


def person(request: HttpRequest | Request) -> User:
    """The signed-in person. Raises PermissionDenied for a visitor."""
    if isinstance(request.user, User):
        return request.user
    raise PermissionDenied
