"""The request log, without the secret that a calendar's address is."""

import re

from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

SECRET = re.compile(r"(?<=/calendar/)[^/?]+(?=\.ics)")


class RequestLog(RequestMiddleware):
    """Logs each request; a private calendar's token is told as `…`."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return SECRET.sub("…", f"{request.method} {request.get_full_path()}")
