"""Who am I, and API tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import authenticate
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from testbed.people import company_api, group_api, tokens
from testbed.people.models import ApiToken, Company, User
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from rest_framework.request import Request


class CompanySerializer(serializers.ModelSerializer[Company]):
    class Meta:
        model = Company
        fields = ("business_number", "name_ko", "name_en", "sector", "size_class")


class PersonSerializer(serializers.ModelSerializer[User]):
    company = CompanySerializer(allow_null=True)

    class Meta:
        model = User
        fields = ("email", "name", "role", "company")


class CredentialsSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=120)
    password = serializers.CharField(max_length=128, trim_whitespace=False)
    name = serializers.CharField(max_length=60, default="API")


class NewTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="shown once; keep it")
    user = PersonSerializer()


class Tokens(APIView):
    """Trade a mail address and a password for a bearer token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "sign_in"

    @extend_schema(
        request=CredentialsSerializer,
        auth=[],
        responses={
            201: NewTokenSerializer,
            403: OpenApiResponse(description="mail address and password do not belong together"),
            429: OpenApiResponse(),
        },
    )
    def post(self, request: Request) -> Response:
        form = CredentialsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        user = authenticate(None, email=data["email"], password=data["password"])
        if not isinstance(user, User):
            raise Refusal(
                "wrong_credentials",
                _("The mail address and the password do not belong together."),
                status=403,
                next_step=_("Check both, or ask the facility to set a new password."),
            )
        _token, key = tokens.issue(actor=user, name=data["name"])
        return Response({"token": key, "user": PersonSerializer(user).data}, status=201)


class CurrentToken(APIView):
    """Revoke the token that this request was made with."""

    @extend_schema(
        request=None,
        responses={204: None, 400: OpenApiResponse(description="not made with a token")},
    )
    def delete(self, request: Request) -> Response:
        if not isinstance(request.auth, ApiToken):
            raise Refusal("no_token", _("This request was not made with a token."), status=400)
        tokens.revoke(actor=request.auth.user, token=request.auth)
        return Response(status=204)


class Me(APIView):
    """The caller."""

    @extend_schema(responses={200: PersonSerializer})
    def get(self, request: Request) -> Response:
        return Response(PersonSerializer(person(request)).data)


urlpatterns = [
    path("tokens/", Tokens.as_view(), name="api_tokens"),
    path("tokens/current/", CurrentToken.as_view(), name="api_current_token"),
    path("me/", Me.as_view(), name="api_me"),
    *company_api.urlpatterns,
    *group_api.urlpatterns,
]
