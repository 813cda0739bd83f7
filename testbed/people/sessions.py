"""Django's own sessions, read by a statement that is compiled once: every page reads one."""

from __future__ import annotations

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from testbed.compiled import Statement, moment, text

_LIVE: Statement[Session] = Statement(
    lambda: Session.objects.filter(session_key=text("key"), expire_date__gt=moment("now"))
)


class SessionStore(db.SessionStore):
    """What is kept, and how, is Django's."""

    def _get_session_from_db(self) -> Session | None:
        key = self.session_key
        # A cookie may say anything; PostgreSQL knows no such text.
        found = _LIVE(key=key, now=timezone.now()) if key and "\x00" not in key else []
        if not found:
            self._session_key = None
            return None
        return found[0]
