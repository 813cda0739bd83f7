"""The inbox, what one wants to be told of, and how the mail stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from testbed.notices.forms import PreferencesForm
from testbed.notices.inbox import mark_read, unread
from testbed.notices.mail_room import mail_room, send_again
from testbed.notices.models import Mail, MailState, Notice
from testbed.notices.preferences import prefer
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PAGE = 30


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def inbox(request: HttpRequest) -> HttpResponse:
    """`/me/inbox/`: POST with `read` marks one read and goes where it leads, without it all."""
    actor = person(request)
    if request.method == "POST":
        return _read_one(request) if "read" in request.POST else _read_all(request)
    page = Paginator(Notice.objects.visible_to(actor), PAGE).get_page(request.GET.get("page"))
    return render(request, "notices/inbox.html", {"page": page})


@never_cache
@require_safe
@login_required
def unread_count(request: HttpRequest) -> HttpResponse:
    """The number beside the bell, for pages that found none counted."""
    return render(request, "notices/unread.html", {"count": unread(person(request))})


def _read_all(request: HttpRequest) -> HttpResponse:
    mark_read(actor=person(request))
    return redirect("inbox")


def _read_one(request: HttpRequest) -> HttpResponse:
    actor, wanted = person(request), request.POST["read"]
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 19 else 0
    notice = Notice.objects.visible_to(actor).filter(pk=number).first()
    if notice is None:
        raise Http404
    mark_read(actor=actor, only=[notice.pk])
    return redirect(notice.path or "inbox")


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def notice_preferences(request: HttpRequest) -> HttpResponse:
    """`/me/notices/`: which mails, when, and in which language."""
    actor = person(request)
    form = PreferencesForm(request.POST if request.method == "POST" else None, user=actor)
    if form.is_valid():
        prefer(
            actor=actor,
            deliveries=form.deliveries,
            digest_hour=form.cleaned_data["digest_hour"],
            language=form.cleaned_data["language"],
        )
        messages.success(request, _("Saved."))
        return redirect("notice_preferences")
    context = {"form": form, "no_mail_server": not settings.EMAIL_URL}
    return render(
        request, "notices/preferences.html", context, status=422 if form.is_bound else 200
    )


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def mail(request: HttpRequest) -> HttpResponse:
    """`/ops/mail/`: what waits, what failed and why; POST with `again` sends a failed one again."""
    actor = person(request)
    demand(actor, "see_mail")
    if request.method == "POST":
        return _send_again(request)
    failed = Mail.objects.visible_to(actor).filter(state=MailState.FAILED)
    page = Paginator(failed.select_related("reader"), PAGE).get_page(request.GET.get("page"))
    room = mail_room(actor=actor)
    states = [(label, room.counts.get(state, 0)) for state, label in MailState.choices]
    context = {"room": room, "states": states, "page": page}
    return render(request, "notices/mail.html", context)


def _send_again(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("again", "")
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 19 else 0
    found = Mail.objects.visible_to(request.user).filter(pk=number).first()
    if found is None:
        raise Http404
    send_again(actor=person(request), mail=found)
    messages.success(request, _("It is sent again now."))
    return redirect("mail")
