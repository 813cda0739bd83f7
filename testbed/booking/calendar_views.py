"""The page of one's calendar addresses, and what such an address answers without a sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from testbed.booking.calendars import find, issue, revoke
from testbed.booking.forms import CalendarForm
from testbed.booking.ics import calendar_of
from testbed.booking.models import CalendarFeed
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.http import HttpRequest

# The address is a key: it must neither be kept on the way nor travel to another site.
HEADERS = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


@require_safe
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    """`/calendar/<token>.ics?lang=ko|en`: 404 for a wrong, old or revoked secret."""
    feed = find(token)
    if feed is None:
        raise Http404
    language = request.GET.get("lang", "")
    known = dict(settings.LANGUAGES)
    site = request.build_absolute_uri("/").rstrip("/")
    with translation.override(language if language in known else settings.LANGUAGE_CODE):
        body = calendar_of(feed, now=timezone.now(), site=site)
    return HttpResponse(body, content_type="text/calendar; charset=utf-8", headers=HEADERS)


def address_of(request: HttpRequest, token: str) -> str:
    """The whole address of a feed in the language in which it was asked for."""
    path = reverse("calendar_feed", args=[token])
    return request.build_absolute_uri(f"{path}?lang={translation.get_language()}")


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def calendars(request: HttpRequest) -> HttpResponse:
    """`/me/calendars/`: POST with `revoke` closes an address, otherwise issues one, shown once."""
    actor = person(request)
    if request.method == "GET":
        return _show(request, CalendarForm(None, user=actor))
    if "revoke" in request.POST:
        return _revoke(request)
    form = CalendarForm(request.POST, user=actor)
    if not form.is_valid():
        return _show(request, form)
    _feed, token = issue(actor=actor, kind=form.kind, tool=form.tool)
    return _show(request, CalendarForm(None, user=actor), address_of(request, token))


def _revoke(request: HttpRequest) -> HttpResponse:
    number, actor = request.POST["revoke"], person(request)
    mine = CalendarFeed.objects.visible_to(actor).live()
    feed = next((one for one in mine if str(one.pk) == number), None)
    if feed is None:
        raise Http404
    revoke(actor=actor, feed=feed)
    messages.success(request, _("Revoked. The address shows nothing any more."))
    return redirect("calendars")


def _show(request: HttpRequest, form: CalendarForm, address: str = "") -> HttpResponse:
    feeds = CalendarFeed.objects.visible_to(request.user).live().select_related("owner", "tool")
    context = {"feeds": feeds, "form": form, "address": address}
    return render(request, "booking/calendars.html", context)
