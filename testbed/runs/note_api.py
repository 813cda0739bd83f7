"""A sentence for a run's log over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.runs.api_shapes import EventSerializer, one_run
from testbed.runs.notes import LONGEST, note

if TYPE_CHECKING:
    from rest_framework.request import Request


class NoteSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=LONGEST)


class RunNote(APIView):
    """Write a sentence into the log of an open run; the same one twice stands there once."""

    @extend_schema(request=NoteSerializer, responses={201: EventSerializer})
    def post(self, request: Request, pk: int) -> Response:
        run = one_run(request, pk)
        demand(request.user, "note_run")
        form = NoteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        event = note(actor=person(request), run=run, text=form.validated_data["text"])
        return Response(EventSerializer(event).data, status=201)


urlpatterns = [path("runs/<int:pk>/notes/", RunNote.as_view(), name="api_run_note")]
