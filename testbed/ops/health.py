"""/livez: this process answers. /readyz: it can serve, or which part keeps it from serving."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from testbed.probes import database_answers, valkey_answers


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answers as long as the process does; asks nobody else."""
    return _uncached(JsonResponse({"status": "ok"}))


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when every part is there, else 503; names the parts, never an error's own text."""
    parts = {name: check() for name, check in PARTS.items()}
    good = all(parts.values())
    body = {
        "status": "ok" if good else "unavailable",
        "parts": {name: "ok" if part else "unavailable" for name, part in parts.items()},
    }
    return _uncached(JsonResponse(body, status=200 if good else 503))


def migrations_applied() -> bool:
    try:
        executor = MigrationExecutor(connection)
    except DatabaseError:
        return False
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


PARTS: dict[str, Callable[[], bool]] = {
    "database": database_answers,
    "migrations": migrations_applied,
    "valkey": valkey_answers,
}


def _uncached(response: HttpResponse) -> HttpResponse:
    add_never_cache_headers(response)
    return response
