"""What placing a booking answers without reading it again is what reading it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIClient

from testbed.booking import api_shapes as shapes
from testbed.booking.hours import KST
from testbed.booking.models import Booking
from testbed.material.models import Lot
from testbed.people.models import Company, User
from testbed.tools.models import Supply, Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
Api = Callable[[User], APIClient]
FORMS = st.fixed_dictionaries(
    {
        "zone": st.sampled_from([KST, UTC]),
        "minutes": st.sampled_from([30, 60, 105]),
        "test_wafers": st.integers(0, 3),
        "purpose": st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
        "use_mode": st.sampled_from(["requested", "self_operated"]),
        "wished_document": st.sampled_from(["none", "report"]),
        "lot": st.sampled_from([None, "LOT-1"]),
        "approval": st.booleans(),
    }
)


def as_drf_writes_it(pk: int, viewer: User) -> Any:
    shape = shapes.BookingSerializer(context=shapes.booking_context(viewer))
    row = Booking.objects.with_names().get(pk=pk)
    return json.loads(JSONRenderer().render(ModelSerializer.to_representation(shape, row)))


def agree(client: APIClient, viewer: User, form: dict[str, Any]) -> None:
    """Place it, read it, and compare, also with DRF's own way; a refused form says nothing."""
    answer = client.post("/api/v1/bookings/", form, format="json")
    if answer.status_code == 201:
        said = answer.json()
        assert client.get(f"/api/v1/bookings/{said['id']}/").json() == said
        assert said == as_drf_writes_it(said["id"], viewer)
    assert answer.status_code in {201, 400, 422}


def test_of_any_form(
    api: Api, alice: User, company_a: Company, cd_sem: Tool, lot_of: Callable[..., Lot]
) -> None:
    lot_of(company_a, alice)
    client = api(alice)

    @settings(
        max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(FORMS)
    def check(drawn: dict[str, Any]) -> None:
        given_form = dict(drawn)
        zone, minutes = given_form.pop("zone"), given_form.pop("minutes")
        start = tomorrow(10).astimezone(zone)
        span = {"starts_at": start, "ends_at": start + timedelta(minutes=minutes)}
        with transaction.atomic():
            setting("needs_approval", required=given_form.pop("approval"))
            agree(client, alice, {"tool": "cd_sem", **span, **given_form})
            transaction.set_rollback(True)

    check()


def test_on_behalf_against_the_rules_and_with_supplies(
    api: Api, alice: User, administrator: User, cd_sem: Tool, track: Tool, scanner: Tool
) -> None:
    gas = Supply.objects.create(code="n2", kind="gas", name_ko="질소", name_en="N2")
    gas.tools.add(cd_sem)
    desk = {
        "on_behalf_of": alice.email,
        "override": {"codes": ["lead_time", "grid"], "reason": "an exception"},
    }
    for hour, form in (
        (1, {"tool": "cd_sem", **desk}),
        (4, {"tool": "cd_sem", "supplies": ["n2"], **desk}),
        (7, {"cell": "litho", **desk}),
    ):
        span = {"starts_at": tomorrow(hour, 7), "ends_at": tomorrow(hour + 1, 7)}
        agree(api(administrator), administrator, {**form, **span})
