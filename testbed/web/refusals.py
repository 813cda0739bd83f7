"""A Refusal that a page did not handle becomes a page of its own, never a traceback."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from testbed.refusals import Refusal


class RefusalMiddleware:
    """Turns a Refusal raised by any page into `web/refused.html` with its status."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refusal):
            return None
        frame = {"refusal": exception, "back": _came_from(request)}
        return render(request, "web/refused.html", frame, status=exception.status)


def _came_from(request: HttpRequest) -> str:
    """The page of ours that sent the form, or nothing."""
    referrer = urlsplit(request.headers.get("Referer", ""))
    if referrer.netloc != request.get_host() or not referrer.path.startswith("/"):
        return ""
    return referrer.path + (f"?{referrer.query}" if referrer.query else "")
