"""The same reticle, training or clean by several people in the same moment."""

from __future__ import annotations

import pytest
from django.utils import timezone

from testbed.material.certify import certify_wafers
from testbed.material.check_in import check_in
from testbed.material.models import Carrier, CertifiedClean, Wafer
from testbed.material.register import register
from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools import courses, supplies
from testbed.tools.models import Clean, Course, Loading, Supply, SupplyKind, Tool, Training
from tests.conftest import make_tool
from tests.races.conftest import Race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
NAMES = {"name_ko": "이름", "name_en": "Name"}


def test_a_reticle_goes_into_one_tool(
    race: Race, technician: User, scanner: Tool, cd_sem: Tool
) -> None:
    reticle = Supply.objects.create(code="l40", kind=SupplyKind.RETICLE, **NAMES)
    tools = [scanner, cd_sem]
    outcomes = race(
        lambda number: supplies.load(actor=technician, tool=tools[number % 2], supply=reticle), 6
    )
    assert sum(isinstance(one, Loading) for one in outcomes) == 1
    told = {one.code for one in outcomes if isinstance(one, Refusal)}
    assert told <= {"already_loaded", "reticle_elsewhere"}
    assert Loading.objects.present().count() == 1


def test_one_person_passes_a_course_once(race: Race, administrator: User, alice: User) -> None:
    course = Course.objects.create(code="laser", **NAMES)
    today = timezone.localdate()
    outcomes = race(
        lambda number: courses.record(
            actor=administrator, user=alice, course=course, completed_on=today
        ),
        6,
    )
    assert {type(one) for one in outcomes} == {Training}
    assert Training.objects.count() == 1


def test_a_wafer_gets_one_certificate(race: Race, technician: User, alice: User) -> None:
    bench = make_tool("clean-1")
    rca = Clean.objects.create(
        code="rca", tool_kind="clean", from_class=3, to_class=0, cost_won=1, **NAMES
    )
    lot = register(actor=alice, product="resist", wafer_count=2)
    check_in(actor=technician, lot=lot, carrier=Carrier.objects.create(code="FOUP-91"))
    lot.wafers.update(contamination_class=3)
    wafers = list(lot.wafers.all())
    outcomes = race(
        lambda number: certify_wafers(
            actor=technician, kind=rca, tool=bench, wafers=wafers[:: 1 - 2 * (number % 2)],
            certificate="TXRF 2026-117",
        ),
        6,
    )  # fmt: skip
    told = [one.code for one in outcomes if isinstance(one, Refusal)]
    assert told == ["nothing_to_clean"] * 5
    assert CertifiedClean.objects.count() == 2
    assert set(Wafer.objects.values_list("contamination_class", flat=True)) == {0}
    assert JournalEntry.objects.filter(action="clean.certified").count() == 1
