"""Courses and trainings over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.people.api_fields import DayField, WordsField
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.people.suspend import LONGEST_REASON, SHORTEST_REASON
from testbed.people.visitor import person
from testbed.tools import courses
from testbed.tools.api_fields import NamesSerializer, ToolCodesField
from testbed.tools.models import Area, Course, Training

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

    from testbed.tools.querysets import TrainingQuerySet


class CourseSerializer(serializers.ModelSerializer[Course]):
    """A training that is asked for on these tools and on every tool of the area ("": none)."""

    tools: serializers.Field[Any, Any, Any, Any] = serializers.SlugRelatedField(
        slug_field="code", many=True, read_only=True
    )

    area = serializers.ChoiceField(choices=Area.choices, allow_blank=True)

    class Meta:
        model = Course
        fields = ("code", "name_ko", "name_en", "area", "tools")
        read_only_fields = fields


class CourseTermsSerializer(NamesSerializer):
    area = serializers.ChoiceField(choices=["", *Area.values], default="")
    tools = ToolCodesField(max_length=200, default=list)


class TrainingSerializer(serializers.ModelSerializer[Training]):
    """That somebody has passed a course; valid_until: the last day in Korea, null: no end."""

    course = serializers.CharField(source="course.code")
    person = serializers.CharField(source="user.name")
    email = serializers.EmailField(source="user.email")
    company = serializers.CharField(
        source="user.company.business_number", allow_null=True, default=None
    )

    class Meta:
        model = Training
        fields = (
            "id", "course", "person", "email", "company", "completed_on", "valid_until", "trainer",
        )  # fmt: skip
        read_only_fields = fields


class NewTrainingSerializer(serializers.Serializer[Any]):
    course = WordsField(max_length=20)
    person = WordsField(max_length=254, help_text="mail address")
    completed_on = DayField()
    valid_until = DayField(required=False, allow_null=True, default=None)
    trainer = WordsField(max_length=60, required=False, allow_blank=True, default="")


class TrainingsWantedSerializer(serializers.Serializer[Any]):
    """The list's filters."""

    course = serializers.SlugField(max_length=20, required=False)
    tool = serializers.SlugField(
        max_length=20, required=False, help_text="courses that this tool or its area asks for"
    )
    ends_soon = serializers.BooleanField(required=False, help_text="within 30 days")


class TrainingEndSerializer(serializers.Serializer[Any]):
    reason = WordsField(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)


def _courses(request: Request) -> QuerySet[Course]:
    person(request)
    return Course.objects.prefetch_related("tools")


def _trainings(request: Request) -> TrainingQuerySet:
    rows = Training.objects.visible_to(request.user)
    return rows.select_related("course", "user__company").order_by("pk")


class Courses(generics.ListAPIView[Course]):
    """The courses, and where each is asked for."""

    serializer_class = CourseSerializer

    def get_queryset(self) -> QuerySet[Course]:
        return _courses(self.request)


class OneCourse(APIView):
    """One course; PUT defines or changes it."""

    @extend_schema(responses={200: CourseSerializer})
    def get(self, request: Request, code: str) -> Response:
        return Response(CourseSerializer(get_object_or_404(_courses(request), code=code)).data)

    @extend_schema(request=CourseTermsSerializer, responses={200: CourseSerializer})
    def put(self, request: Request, code: str) -> Response:
        demand(person(request), "manage_trainings")
        form = CourseTermsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        saved = courses.save_course(actor=person(request), code=code, **form.validated_data)
        return Response(CourseSerializer(saved).data)


class Trainings(generics.ListAPIView[Training]):
    """Who has passed which course, as far as the caller may see it."""

    serializer_class = TrainingSerializer

    @extend_schema(
        parameters=[TrainingsWantedSerializer], responses={200: TrainingSerializer(many=True)}
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> TrainingQuerySet:
        wanted = TrainingsWantedSerializer(data=self.request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        rows = _trainings(self.request)
        if "course" in said:
            rows = rows.filter(course__code=said["course"])
        if "tool" in said:
            rows = rows.filter(course__in=courses.asked_on(said["tool"]))
        today = timezone.localdate()
        return courses.ending_soon(rows, today) if said.get("ends_soon") else rows

    @extend_schema(request=NewTrainingSerializer, responses={201: TrainingSerializer})
    def post(self, request: Request) -> Response:
        """Record that somebody passed a course; passed again, the newer dates count."""
        demand(person(request), "manage_trainings")
        form = NewTrainingSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        course = _courses(request).filter(code=said.pop("course")).first()
        user = User.objects.visible_to(request.user).filter(email__iexact=said.pop("person"))
        if course is None or not user:
            field = "course" if course is None else "person"
            sentence = _("There is nothing with this code or address.")
            raise serializers.ValidationError({field: sentence})
        passed = courses.record(actor=person(request), course=course, user=user[0], **said)
        return Response(TrainingSerializer(passed).data, status=201)


class WithdrawTraining(APIView):
    """Let a training count no more, with a reason; the journal keeps it."""

    @extend_schema(request=TrainingEndSerializer, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        demand(person(request), "manage_trainings")
        found = get_object_or_404(_trainings(request), pk=pk)
        form = TrainingEndSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]
        courses.withdraw(actor=person(request), training=found, reason=reason)
        return Response(status=204)


urlpatterns = [
    path("courses/", Courses.as_view(), name="api_courses"),
    path("courses/<slug:code>/", OneCourse.as_view(), name="api_course"),
    path("trainings/", Trainings.as_view(), name="api_trainings"),
    path("trainings/<int:pk>/withdraw/", WithdrawTraining.as_view(), name="api_training_withdraw"),
]
