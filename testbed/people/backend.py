"""Signing in by mail address; the person behind a session comes with their company."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from testbed.compiled import Statement, whole
from testbed.people.models import User

_BY_KEY: Statement[User] = Statement(
    lambda: User.objects.select_related("company").filter(pk=whole("pk"))
)


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """As allauth's; what every page reads is one statement, compiled once."""

    def get_user(self, user_id: Any) -> User | None:
        found = _BY_KEY(pk=user_id)
        return found[0] if found and self.user_can_authenticate(found[0]) else None
