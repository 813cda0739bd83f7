"""The request log, without the secret that a calendar's address is."""

import re
import uuid

from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware
from python_ipware.modern.defaults import DEFAULT_PRECEDENCE
from structlog.contextvars import bind_contextvars

PROXIES = frozenset(DEFAULT_PRECEDENCE) - {"REMOTE_ADDR"}
SECRET = re.compile(r"(?<=/calendar/)[^/?]+(?=\.ics)")


class RequestLog(RequestMiddleware):
    """Logs each request; a private calendar's token is told as `…`."""

    def prepare(self, request: HttpRequest) -> None:
        """Without a session nobody is known yet: nothing to bind but the request itself."""
        if hasattr(request, "session"):
            super().prepare(request)
            return
        bind_contextvars(request_id=str(uuid.uuid4()))
        self.bind_ip(request)

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Whoever is connected, unless a proxy says for whom; its headers take long to weigh."""
        if PROXIES.isdisjoint(request.META):
            bind_contextvars(ip=request.META.get("REMOTE_ADDR") or None)
        else:
            super().bind_ip(request)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return SECRET.sub("…", f"{request.method} {request.get_full_path()}")
