"""The WSGI handler of the API: programs with a token pass by what serves browsers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.urls import ResolverMatch


class ApiHandler(WSGIHandler):
    """Django's handler with two ways in.

    A request with a bearer token and without cookies goes by settings.TOKEN_MIDDLEWARE: it has
    neither session nor messages nor a form. Everything else goes by settings.MIDDLEWARE.
    """

    # Django's stubs leave out what its handlers are made of.
    _middleware_chain: Any
    _get_response: Any

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async)
        self._browsers = self._middleware_chain
        self._programs = self._short_way()
        self._middleware_chain = self._choose
        self._fixed: dict[str, ResolverMatch] = {}

    def _short_way(self) -> Any:
        way = convert_exception_to_response(self._get_response)
        for path in reversed(settings.TOKEN_MIDDLEWARE):
            way = convert_exception_to_response(import_string(path)(way))
        return way

    def _choose(self, request: WSGIRequest) -> HttpResponseBase:
        way = self._browsers
        if is_program(request):
            way, request.user = self._programs, AnonymousUser()
        answer: HttpResponseBase = way(request)
        return answer

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """An address without parts that vary is looked up in the table of all routes once."""
        known = self._fixed.get(request.path_info)
        if known is None:
            found: ResolverMatch = super().resolve_request(request)
            if not found.args and not found.kwargs:
                self._fixed[request.path_info] = found
            return found
        request.resolver_match = known
        return known


def is_program(request: WSGIRequest) -> bool:
    """True for a bearer token without cookies, as `TokenAuthentication` reads it."""
    scheme = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0]
    return scheme.lower() == "bearer" and not request.META.get("HTTP_COOKIE")
