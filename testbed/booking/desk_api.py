"""The approval desk over the API: what waits, questions to the company, its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from testbed.booking import api_shapes as shapes
from testbed.booking.desk import waiting
from testbed.booking.models import Booking
from testbed.booking.question_models import LONGEST, Question
from testbed.booking.questions import SHORTEST, Corrections, answer, ask
from testbed.material.models import SLOTS, Lot
from testbed.people.permissions import demand
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class QuestionSerializer(serializers.ModelSerializer[Question]):
    """A question of the facility's about a request, and the company's answer."""

    number = serializers.CharField(source="booking.__str__")
    asked_by = serializers.CharField(source="asked_by.name")
    answered_by = serializers.CharField(source="answered_by.name", allow_null=True, default=None)

    class Meta:
        model = Question
        fields = (
            "id", "booking", "number", "text", "asked_by", "asked_at", "answer", "answered_by",
            "answered_at",
        )  # fmt: skip
        read_only_fields = fields


class NewQuestionSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(min_length=SHORTEST, max_length=LONGEST)


class NewAnswerSerializer(serializers.Serializer[Any]):
    """The answer, and what is put right in the request with it; what is left out stays."""

    answer = serializers.CharField(min_length=SHORTEST, max_length=LONGEST)
    purpose = serializers.CharField(required=False, max_length=200, allow_blank=True)
    wafer_count = serializers.IntegerField(required=False, min_value=0, max_value=SLOTS)
    lot = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=20,
        help_text="own lot's code; null takes it off",
    )

    def validate_lot(self, code: str | None) -> Lot | None:
        return shapes.AnswersSerializer(context=self.context).validate_lot(code)

    def corrections(self) -> Corrections:
        data = self.validated_data
        return Corrections(
            purpose=data.get("purpose"),
            wafer_count=data.get("wafer_count"),
            lot=data.get("lot"),
            without_lot="lot" in data and data["lot"] is None,
        )


class Approvals(generics.ListAPIView[Booking]):
    """What waits for the facility's answer: oldest first, then what waits for the company's."""

    serializer_class = shapes.BookingSerializer

    def get_queryset(self) -> QuerySet[Booking]:
        demand(self.request.user, "approve_booking")
        return waiting(self.request.user)

    def get_serializer_context(self) -> dict[str, Any]:
        context = shapes.booking_context(self.request.user)
        return {**super().get_serializer_context(), **context}

    @extend_schema(responses={200: shapes.BookingSerializer(many=True), 403: OpenApiResponse()})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class Questions(APIView):
    """What the facility asked about one booking, oldest first."""

    @extend_schema(responses={200: QuestionSerializer(many=True)})
    def get(self, request: Request, pk: int) -> Response:
        booking = get_object_or_404(Booking.objects.visible_to(request.user), pk=pk)
        found = Question.objects.visible_to(request.user).filter(booking=booking)
        rows = found.select_related("asked_by", "answered_by", "booking")
        return Response(QuestionSerializer(rows, many=True).data)

    @extend_schema(
        request=NewQuestionSerializer,
        responses={201: QuestionSerializer, 403: OpenApiResponse(), 409: OpenApiResponse()},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask the company for more; the request leaves the top of the desk until it answers."""
        booking = get_object_or_404(Booking.objects.visible_to(request.user), pk=pk)
        demand(person(request), "approve_booking")
        form = NewQuestionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = ask(actor=person(request), booking=booking, text=form.validated_data["text"])
        return Response(QuestionSerializer(asked).data, status=201)


class Answer(APIView):
    """Answer a question for the company, and put the request right with it."""

    @extend_schema(
        request=NewAnswerSerializer,
        responses={
            200: QuestionSerializer, 403: OpenApiResponse(), 409: OpenApiResponse(),
            422: OpenApiResponse(),
        },
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        question = get_object_or_404(Question.objects.visible_to(request.user), pk=pk)
        demand(person(request), "book")
        form = NewAnswerSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        answered = answer(
            actor=person(request),
            question=question,
            text=form.validated_data["answer"],
            corrections=form.corrections(),
        )
        return Response(QuestionSerializer(answered).data)


urlpatterns = [
    path("approvals/", Approvals.as_view(), name="api_approvals"),
    path("bookings/<int:pk>/questions/", Questions.as_view(), name="api_booking_questions"),
    path("questions/<int:pk>/answer/", Answer.as_view(), name="api_answer_question"),
]
