"""Notes and photos from the floor, and the door through which a photo is seen again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.runs.models import Run, RunPhoto
from testbed.runs.notes import note
from testbed.runs.photo_models import MOST_BYTES
from testbed.runs.pictures import too_large

if TYPE_CHECKING:
    from django.http import HttpRequest


@require_POST
@login_required
def note_run(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Run.objects.visible_to(request.user).with_names(), pk=pk)
    try:
        note(
            actor=person(request), run=found, text=request.POST.get("text", ""),
            photo=_photo(request),
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        messages.error(request, f"{refusal.message} {refusal.next_step}")
    else:
        messages.success(request, _("It is in the run's log."))
    return redirect("floor_run" if request.POST.get("back") == "floor" else "run", pk=pk)


def _photo(request: HttpRequest) -> bytes | None:
    """What was sent as a picture, whatever it is called; one that is too large is not read."""
    sent = request.FILES.get("photo")
    if sent is None:
        return None
    if (sent.size or 0) > MOST_BYTES:
        raise too_large()
    return bytes(sent.read())


@require_safe
@login_required
def run_photo(request: HttpRequest, pk: int, photo: int) -> HttpResponse:
    """A picture as it was hashed into the log; it never changes."""
    rows = RunPhoto.objects.visible_to(request.user).filter(run=pk)
    return served(get_object_or_404(rows, pk=photo))


def served(found: RunPhoto) -> HttpResponse:
    """The picture's bytes, under a name of our own."""
    suffix = "jpg" if found.media_type == "image/jpeg" else "png"
    return HttpResponse(
        bytes(found.content),
        content_type=found.media_type,
        headers={
            "Cache-Control": "private, max-age=86400, immutable",
            "Content-Disposition": f'inline; filename="run-{found.run_id}-{found.pk}.{suffix}"',
        },
    )
