"""The API's page of explanations, and its own 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from testbed.api.reference import operations

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
@login_required
def docs(request: HttpRequest) -> HttpResponse:
    """Every endpoint in words, rendered from the OpenAPI schema: no script, no foreign style."""
    return render(request, "api/docs.html", {"groups": operations()})


@csrf_exempt
def nothing_here(request: HttpRequest, rest: str) -> JsonResponse:
    body = {"code": "not_found", "message": _("There is nothing here for you."), "fields": {}}
    return JsonResponse(body, status=404)
