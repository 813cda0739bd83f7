"""User groups over the API: the staff see them, the administrator changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people import groups
from testbed.people.api_fields import WordsField
from testbed.people.models import Company, Group, User
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class GroupSerializer(serializers.ModelSerializer[Group]):
    """Companies (business numbers) and people (mail addresses) for whom some rules differ.

    rank: of two groups of one person with different settings, the lower rank's counts.
    """

    companies: serializers.Field[Any, Any, Any, Any] = serializers.SlugRelatedField(
        slug_field="business_number", many=True, read_only=True
    )
    people: serializers.Field[Any, Any, Any, Any] = serializers.SlugRelatedField(
        source="users", slug_field="email", many=True, read_only=True
    )

    class Meta:
        model = Group
        fields = ("code", "name_ko", "name_en", "rank", "companies", "people")
        read_only_fields = fields


class GroupNamesSerializer(serializers.Serializer[Any]):
    name_ko = WordsField(max_length=60)
    name_en = WordsField(max_length=60)
    rank = serializers.IntegerField(min_value=0, max_value=999, default=100)


class GroupMemberSerializer(serializers.Serializer[Any]):
    """One of the two."""

    company = WordsField(max_length=10, required=False, default="", help_text="business number")
    person = WordsField(max_length=254, required=False, default="", help_text="mail address")

    def member(self, viewer: User) -> dict[str, Any]:
        """`company` and `user` as the verbs take them; unknown ones are a ValidationError."""
        said = self.validated_data
        found: dict[str, Any] = {}
        if said["company"]:
            companies = Company.objects.visible_to(viewer)
            found["company"] = companies.filter(business_number=said["company"]).first()
        if said["person"]:
            people = User.objects.visible_to(viewer)
            found["user"] = people.filter(email__iexact=said["person"]).first()
        for name, field in (("company", "company"), ("user", "person")):
            if name in found and found[name] is None:
                sentence = _("There is nothing with this code or address.")
                raise serializers.ValidationError({field: sentence})
        return found


NOT_YOURS = {403: OpenApiResponse(description="for the facility's staff")}


def _groups(request: Request) -> QuerySet[Group]:
    demand(person(request), "see_groups")
    return Group.objects.prefetch_related("companies", "users")


def _one(request: Request, code: str) -> Group:
    return get_object_or_404(_groups(request), code=code)


class Groups(generics.ListAPIView[Group]):
    """The user groups, the one whose settings count first at the top."""

    serializer_class = GroupSerializer

    @extend_schema(responses={200: GroupSerializer(many=True), **NOT_YOURS})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Group]:
        return _groups(self.request)


class OneGroup(APIView):
    """One user group; PUT makes or renames it."""

    @extend_schema(responses={200: GroupSerializer, **NOT_YOURS})
    def get(self, request: Request, code: str) -> Response:
        return Response(GroupSerializer(_one(request, code)).data)

    @extend_schema(request=GroupNamesSerializer, responses={200: GroupSerializer})
    def put(self, request: Request, code: str) -> Response:
        demand(person(request), "manage_groups")
        form = GroupNamesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        saved = groups.save(actor=person(request), code=code, **form.validated_data)
        return Response(GroupSerializer(saved).data)


class _Members(APIView):
    def change(self, request: Request, code: str, verb: Any) -> Response:
        demand(person(request), "manage_groups")
        group = _one(request, code)
        form = GroupMemberSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        verb(actor=person(request), group=group, **form.member(person(request)))
        return Response(GroupSerializer(_one(request, code)).data)


class TakeIn(_Members):
    """Take a company or a person in; twice is harmless."""

    @extend_schema(request=GroupMemberSerializer, responses={200: GroupSerializer})
    def post(self, request: Request, code: str) -> Response:
        return self.change(request, code, groups.take_in)


class TakeOut(_Members):
    """Take a company or a person out; twice is harmless."""

    @extend_schema(request=GroupMemberSerializer, responses={200: GroupSerializer})
    def post(self, request: Request, code: str) -> Response:
        return self.change(request, code, groups.take_out)


urlpatterns = [
    path("groups/", Groups.as_view(), name="api_groups"),
    path("groups/<slug:code>/", OneGroup.as_view(), name="api_group"),
    path("groups/<slug:code>/take-in/", TakeIn.as_view(), name="api_group_take_in"),
    path("groups/<slug:code>/take-out/", TakeOut.as_view(), name="api_group_take_out"),
]
