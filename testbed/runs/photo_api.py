"""Photos for a run's log over the API: a form with a file, as from the tablet's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.runs.api_shapes import EventSerializer, one_run
from testbed.runs.models import RunPhoto
from testbed.runs.note_views import served
from testbed.runs.notes import LONGEST, note
from testbed.runs.photo_models import MOST_BYTES
from testbed.runs.pictures import too_large

if TYPE_CHECKING:
    from rest_framework.request import Request

# Beside the picture: the form's own lines and a note of 500 characters.
AROUND = 16 * 1024


class PhotoFormParser(MultiPartParser):
    """A form with a picture; one that is too large is not read."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        meta = (parser_context or {})["request"].META
        length = str(meta.get("CONTENT_LENGTH") or "0")
        if length.isascii() and length.isdigit() and int(length) > MOST_BYTES + AROUND:
            raise serializers.ValidationError({"photo": [str(too_large().message)]})
        try:
            return super().parse(stream, media_type, parser_context)
        except (ParseError, SuspiciousOperation) as error:
            raise ParseError(_("This is no form with a file (multipart/form-data).")) from error


class PhotoSerializer(serializers.Serializer[Any]):
    photo = serializers.FileField(help_text="JPEG or PNG, at most 8 MB and 60 megapixels")
    text = serializers.CharField(max_length=LONGEST, required=False, default="", allow_blank=True)


class RunPhotos(APIView):
    """Put a photo, and what it shows, into the log of an open run; the same one twice is one."""

    parser_classes = (PhotoFormParser,)

    @extend_schema(
        request={"multipart/form-data": PhotoSerializer}, responses={201: EventSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Place, time and camera are removed from the picture; its SHA-256 stands in the log.

        What is no whole JPEG or PNG, or too large: 400, in `fields`.
        """
        run = one_run(request, pk)
        demand(request.user, "note_run")
        form = PhotoSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data["photo"]
        try:
            if (sent.size or 0) > MOST_BYTES:
                raise too_large()
            event = note(
                actor=person(request), run=run, text=form.validated_data["text"],
                photo=sent.read(),
            )  # fmt: skip
        except Refusal as refusal:
            if not refusal.code.startswith("picture_"):
                raise
            said = f"{refusal.message} {refusal.next_step}"
            raise serializers.ValidationError({"photo": [said]}) from refusal
        return Response(EventSerializer(event).data, status=201)


class RunPhotoFile(APIView):
    """A photo of a run as it was hashed into its log."""

    @extend_schema(
        responses={
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (200, "image/png"): OpenApiTypes.BINARY,
        }
    )
    def get(self, request: Request, pk: int, photo: int) -> HttpResponse:
        rows = RunPhoto.objects.visible_to(request.user).filter(run=pk)
        return served(get_object_or_404(rows, pk=photo))


urlpatterns = [
    path("runs/<int:pk>/photos/", RunPhotos.as_view(), name="api_run_photos"),
    path("runs/<int:pk>/photos/<int:photo>/", RunPhotoFile.as_view(), name="api_run_photo"),
]
