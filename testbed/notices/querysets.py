"""Reads of notices and mails; `visible_to` is the only door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db import models

from testbed.people.permissions import may

if TYPE_CHECKING:
    from testbed.notices.models import Mail, Notice
    from testbed.people.querysets import Viewer


class NoticeQuerySet(models.QuerySet["Notice"]):
    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Notice: ...

    def visible_to(self, user: Viewer) -> Self:
        """A notice is its reader's alone, staff included."""
        return self.filter(reader=user) if user.is_authenticated else self.none()

    def unread(self) -> Self:
        return self.filter(read_at=None)


class MailQuerySet(models.QuerySet["Mail"]):
    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Mail: ...

    def visible_to(self, user: Viewer) -> Self:
        """Whether mail gets through is the facility's business; what it says is not shown."""
        return self if may(user, "see_mail") else self.none()
