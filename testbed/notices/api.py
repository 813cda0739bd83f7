"""The API of notices: the caller's inbox, and how they want to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, URLResolver, path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.notices.inbox import mark_read
from testbed.notices.kinds import KINDS, Delivery
from testbed.notices.models import Notice
from testbed.notices.preferences import kinds_of, prefer, preferences_of
from testbed.people.models import Language, User
from testbed.people.visitor import person

if TYPE_CHECKING:
    from rest_framework.request import Request

    from testbed.notices.querysets import NoticeQuerySet


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    subject = serializers.CharField(read_only=True)
    sentences = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Notice
        fields = ("id", "kind", "subject", "sentences", "path", "created_at", "read_at")


class WantedKindSerializer(serializers.Serializer[Any]):
    """choices: the deliveries this kind allows."""

    code = serializers.CharField()
    name = serializers.CharField()
    delivery = serializers.ChoiceField(Delivery.choices)
    choices = serializers.ListField(child=serializers.CharField())


class PreferencesSerializer(serializers.Serializer[Any]):
    language = serializers.ChoiceField(Language.choices)
    digest_hour = serializers.IntegerField()
    kinds = WantedKindSerializer(many=True)


class NewPreferencesSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is. deliveries: by kind's code."""

    language = serializers.ChoiceField(Language.choices, required=False)
    digest_hour = serializers.IntegerField(min_value=0, max_value=23, required=False)
    deliveries = serializers.DictField(
        child=serializers.ChoiceField(Delivery.choices), required=False
    )


class Notices(generics.ListAPIView[Notice]):
    """The caller's inbox, newest first, in the language of the request."""

    serializer_class = NoticeSerializer

    def get_queryset(self) -> NoticeQuerySet:
        return Notice.objects.visible_to(self.request.user)

    @extend_schema(responses={200: NoticeSerializer(many=True)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class ReadNotice(APIView):
    """Mark one notice read; one that was read already stays so."""

    @extend_schema(request=None, responses={200: NoticeSerializer})
    def post(self, request: Request, pk: int) -> Response:
        rows = Notice.objects.visible_to(request.user)
        get_object_or_404(rows, pk=pk)
        mark_read(actor=person(request), only=[pk])
        return Response(NoticeSerializer(rows.get(pk=pk)).data)


class NoticePreferences(APIView):
    """Which mails the caller gets, when the digest leaves (Korean time), and in which language."""

    @extend_schema(responses={200: PreferencesSerializer})
    def get(self, request: Request) -> Response:
        return Response(shown(person(request)))

    @extend_schema(
        request=NewPreferencesSerializer,
        responses={200: PreferencesSerializer, 422: OpenApiResponse()},
    )
    def patch(self, request: Request) -> Response:
        form = NewPreferencesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        prefer(actor=person(request), **form.validated_data)
        return Response(shown(person(request)))


def shown(user: User) -> dict[str, Any]:
    """As `PreferencesSerializer` has it."""
    now = preferences_of(user)
    return {
        "language": now.language,
        "digest_hour": now.digest_hour,
        "kinds": [
            {
                "code": kind.code,
                "name": str(KINDS[kind.code].name),
                "delivery": now.deliveries[kind.code],
                "choices": [one.value for one in kind.choices()],
            }
            for kind in kinds_of(user)
        ],
    }


urlpatterns: list[URLPattern | URLResolver] = [
    path("notices/", Notices.as_view(), name="api_notices"),
    path("notices/preferences/", NoticePreferences.as_view(), name="api_notice_preferences"),
    path("notices/<int:pk>/read/", ReadNotice.as_view(), name="api_read_notice"),
]
