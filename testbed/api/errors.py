"""One shape for every error of the API: {code, message, fields}."""

import math
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from testbed.refusals import Refusal
from testbed.transactions import AGAIN, sqlstate


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler; None lets an unforeseen error become a plain 500.

    An exception's own text is never shown: a constraint's detail names other companies' times.
    """
    set_rollback()
    if isinstance(error, Refusal):
        return _answer(
            error.status,
            error.code,
            " ".join(filter(None, [str(error.message), str(error.next_step)])),
            {name: _sentences(value) for name, value in error.fields.items()},
            error.extra,
        )
    if isinstance(error, Http404):
        return _not_found()
    if isinstance(error, PermissionDenied):
        return _answer(403, "not_allowed", _("Your role does not allow this."))
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error)
    if isinstance(error, exceptions.APIException):
        return _from_drf(error)
    return _from_database(error)


def _from_drf(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.NotFound):
        return _not_found()
    code = error.get_codes()
    response = _answer(
        error.status_code, code if isinstance(code, str) else error.default_code, _sentence(error)
    )
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(error, exceptions.Throttled):
        response["Retry-After"] = str(_seconds(error))
    return response


def _sentence(error: exceptions.APIException) -> str:
    """DRF's own sentences name mechanisms; ours say what to do."""
    if isinstance(error, exceptions.NotAuthenticated):
        return _("Send a token: Authorization: Bearer tb_…")
    if isinstance(error, exceptions.MethodNotAllowed):
        return _("This address does not do that; the header Allow says what it does.")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return _("Send JSON, with Content-Type: application/json.")
    if isinstance(error, exceptions.Throttled):
        return _("Too many requests. Try again in %(seconds)d s.") % {"seconds": _seconds(error)}
    if isinstance(error, exceptions.PermissionDenied):
        # The only one that DRF raises here: a browser's session without the page's CSRF token.
        return _("A signed-in browser must send its CSRF token; programs send a bearer token.")
    return str(error.detail)


def _seconds(error: exceptions.Throttled) -> int:
    return max(1, math.ceil(getattr(error, "wait", None) or 1))


def _from_database(error: Exception) -> Response | None:
    if isinstance(error, IntegrityError):
        status, code = {"23514": (422, "not_valid"), "23505": (409, "already_there")}.get(
            sqlstate(error), (409, "conflict")
        )
        return _answer(status, code, _("This does not fit what is already stored."))
    if isinstance(error, OperationalError) and sqlstate(error) in AGAIN:
        return _answer(409, "busy", _("The facility is busy; try again in a few seconds."))
    return None


def _invalid(error: exceptions.ValidationError) -> Response:
    detail = error.detail
    fields = (
        {str(name): _sentences(value) for name, value in detail.items()}
        if isinstance(detail, Mapping)
        else {"request": _sentences(detail)}
    )
    return _answer(400, "not_valid", _("Some fields are not right; see what each says."), fields)


def _not_found() -> Response:
    return _answer(404, "not_found", _("There is nothing here for you."))


def _sentences(value: Any) -> list[str]:
    """Flatten DRF's nested error details to a list of sentences."""
    if isinstance(value, Mapping):
        return [
            line if key == api_settings.NON_FIELD_ERRORS_KEY else f"{key}: {line}"
            for key, part in value.items()
            for line in _sentences(part)
        ]
    if isinstance(value, list | tuple):
        return [line for part in value for line in _sentences(part)]
    return [str(value)]


def _answer(
    status: int,
    code: str,
    message: str,
    fields: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    body = {"code": code, "message": message, "fields": dict(fields or {}), **(extra or {})}
    return Response(body, status=status)
