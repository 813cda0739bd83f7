"""Recipes, their versions and signatures, and routes over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.visitor import person
from testbed.process import operation_api, versions
from testbed.process.models import Operation, Recipe, RecipeVersion, Route

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class VersionSerializer(serializers.ModelSerializer[RecipeVersion]):
    written_by = serializers.CharField(source="written_by.name")
    approved_by = serializers.CharField(source="approved_by.name", allow_null=True, default=None)

    class Meta:
        model = RecipeVersion
        fields = (
            "number", "state", "body", "sha256",
            "written_by", "written_at", "approved_by", "approved_at",
        )  # fmt: skip


class RecipeSerializer(serializers.ModelSerializer[Recipe]):
    versions = VersionSerializer(many=True, read_only=True)
    is_facility_recipe = serializers.SerializerMethodField()

    class Meta:
        model = Recipe
        fields = ("code", "title", "tool_kind", "is_facility_recipe", "versions")

    def get_is_facility_recipe(self, recipe: Recipe) -> bool:
        return recipe.company_id is None


class NewRecipeSerializer(serializers.Serializer[Any]):
    code = serializers.SlugField(max_length=40)
    title = serializers.CharField(max_length=80)
    tool_kind = serializers.SlugField(max_length=20)


class NewVersionSerializer(serializers.Serializer[Any]):
    body = serializers.DictField(help_text="as the tool's recipe schema says")


class OperationSerializer(serializers.ModelSerializer[Operation]):
    recipe = serializers.CharField(source="recipe.code")
    capability = serializers.CharField(source="capability.code", allow_null=True, default=None)

    class Meta:
        model = Operation
        fields = (
            "position", "name_ko", "name_en", "tool_kind", "recipe", "is_measurement",
            "capability", "minutes", "minutes_per_wafer", "within_minutes", "sampling",
            "sampling_number", "sampling_slots", "max_rework", "is_rework_only",
        )  # fmt: skip


class RouteSerializer(serializers.ModelSerializer[Route]):
    operations = OperationSerializer(many=True)

    class Meta:
        model = Route
        fields = ("code", "name_ko", "name_en", "version", "operations")


def _recipes(request: Request) -> QuerySet[Recipe]:
    return Recipe.objects.visible_to(request.user).prefetch_related(
        "versions__written_by", "versions__approved_by"
    )


class RecipeList(generics.ListAPIView[Recipe]):
    """The facility's recipes and the caller's own; POST begins a new one."""

    serializer_class = RecipeSerializer

    def get_queryset(self) -> QuerySet[Recipe]:
        return _recipes(self.request)

    @extend_schema(request=NewRecipeSerializer, responses={201: RecipeSerializer})
    def post(self, request: Request) -> Response:
        form = NewRecipeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = versions.create_recipe(actor=person(request), **form.validated_data)
        return Response(RecipeSerializer(made).data, status=201)


class RecipeDetail(generics.RetrieveAPIView[Recipe]):
    """One recipe with all its versions."""

    serializer_class = RecipeSerializer
    lookup_field = "code"

    def get_queryset(self) -> QuerySet[Recipe]:
        return _recipes(self.request)


class VersionList(APIView):
    """POST writes the next draft version."""

    @extend_schema(request=NewVersionSerializer, responses={201: VersionSerializer})
    def post(self, request: Request, code: str) -> Response:
        recipe = get_object_or_404(_recipes(request), code=code)
        form = NewVersionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = versions.write_version(
            actor=person(request), recipe=recipe, body=form.validated_data["body"]
        )
        return Response(VersionSerializer(made).data, status=201)


class VersionMove(APIView):
    """Submit a draft, or sign a submitted version."""

    verb = staticmethod(versions.submit)

    @extend_schema(request=None, responses={200: VersionSerializer})
    def post(self, request: Request, code: str, number: int) -> Response:
        version = get_object_or_404(
            RecipeVersion.objects.visible_to(request.user), recipe__code=code, number=number
        )
        return Response(VersionSerializer(self.verb(actor=person(request), version=version)).data)


class RouteList(generics.ListAPIView[Route]):
    """Routes with their operations."""

    serializer_class = RouteSerializer

    def get_queryset(self) -> QuerySet[Route]:
        return Route.objects.visible_to(self.request.user).prefetch_related(
            "operations__recipe", "operations__capability"
        )


_version = "recipes/<slug:code>/versions/<int:number>"
urlpatterns = [
    *operation_api.urlpatterns,
    path("recipes/", RecipeList.as_view(), name="api_recipes"),
    path("recipes/<slug:code>/", RecipeDetail.as_view(), name="api_recipe"),
    path("recipes/<slug:code>/versions/", VersionList.as_view(), name="api_recipe_versions"),
    path(f"{_version}/submit/", VersionMove.as_view(), name="api_recipe_submit"),
    path(
        f"{_version}/approve/",
        VersionMove.as_view(verb=versions.approve),
        name="api_recipe_approve",
    ),
    path("routes/", RouteList.as_view(), name="api_routes"),
]
