"""Certified cleans: a wafer's class gets better by one of them, and in no other way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from testbed.material.certify import certify_carrier, certify_wafers, clean_by_run
from testbed.material.check_in import check_in
from testbed.material.models import Carrier, CertifiedClean, Lot, SubstrateState, Wafer
from testbed.material.register import register
from testbed.notices.models import Notice
from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.runs import moves
from testbed.runs.interlocks import Situation, interlocks
from testbed.runs.models import Reading, Run, RunWafer, Step
from testbed.runs.states import RunState, StepState
from testbed.tools.models import Clean, ContaminationClass, Tool
from tests.conftest import make_tool
from tests.world import World

C = ContaminationClass
CLASSES = {"from_class": 3, "to_class": 0}
PROTOCOL = "TXRF 2026-117: Cu below 1e10 atoms/cm²"


def make_clean(code: str, dirty: int, to: int, cost: int = 1000) -> Clean:
    return Clean.objects.create(
        code=code, name_ko=code, name_en=code, tool_kind="clean", from_class=dirty,
        to_class=to, cost_won=cost,
    )  # fmt: skip


@pytest.fixture
def bench(db: None) -> Tool:
    return make_tool("clean-1")


@pytest.fixture
def rca(db: None) -> Clean:
    return make_clean("rca", C.COPPER, C.FEOL)


@pytest.fixture
def lot(alice: User, technician: User) -> Lot:
    made = register(actor=alice, product="resist", wafer_count=3)
    check_in(actor=technician, lot=made, carrier=Carrier.objects.create(code="FOUP-91"))
    made.wafers.filter(slot__lte=2).update(contamination_class=C.COPPER)
    return Lot.objects.get(pk=made.pk)


def classes(lot: Lot) -> list[int]:
    return list(lot.wafers.order_by("slot").values_list("contamination_class", flat=True))


def refused(work: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as stopped:
        work()
    return stopped.value.code


def certify(actor: User, kind: Clean, tool: Tool, lot: Lot, **more: Any) -> list[CertifiedClean]:
    asked = {"wafers": list(lot.wafers.all()), "certificate": PROTOCOL} | more
    return certify_wafers(actor=actor, kind=kind, tool=tool, **asked)


def test_the_companys_engineers_are_told_of_it_once(
    lot: Lot, alice: User, charlie: User, technician: User, bench: Tool, rca: Clean
) -> None:
    certify(technician, rca, bench, lot)
    assert refused(lambda: certify(technician, rca, bench, lot)) == "nothing_to_clean"
    [told] = Notice.objects.filter(kind="wafers_clean", reader=alice)
    assert lot.code in told.text("ko")["subject"]
    assert any("1, 2" in one for one in told.text("en")["sentences"])
    assert PROTOCOL in " ".join(told.text("ko")["sentences"])
    assert not Notice.objects.filter(reader=charlie).exists()


def test_the_dirty_wafers_of_a_lot_get_a_certificate_each(
    lot: Lot, technician: User, bench: Tool, rca: Clean
) -> None:
    assert classes(lot) == [C.COPPER, C.COPPER, C.FEOL]
    made = certify(technician, rca, bench, lot)
    assert classes(lot) == [C.FEOL] * 3
    assert [(one.from_class, one.to_class, one.cleaned_by) for one in made] == [
        (C.COPPER, C.FEOL, technician)
    ] * 2
    [entry] = JournalEntry.objects.filter(action="clean.certified")
    assert (entry.company, entry.details["slots"]) == (lot.company, [1, 2])


def test_whom_the_database_lets(lot: Lot, technician: User, bench: Tool, rca: Clean) -> None:
    wafer = lot.wafers.get(slot=1)
    with pytest.raises(IntegrityError, match="not_cleaned"), transaction.atomic():
        Wafer.objects.filter(pk=wafer.pk).update(contamination_class=C.FEOL)
    carrier = Carrier.objects.create(code="FOUP-92", contamination_class=C.BEOL)
    with pytest.raises(IntegrityError, match="not_cleaned"), transaction.atomic():
        Carrier.objects.filter(pk=carrier.pk).update(contamination_class=C.FEOL)
    certify(technician, rca, bench, lot)
    row = CertifiedClean.objects.filter(wafer=wafer)
    with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
        row.update(certificate="something else")
    with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
        row.delete()
    # A second certificate from a class that the wafer no longer has.
    with pytest.raises(IntegrityError, match="class_changed"), transaction.atomic():
        CertifiedClean.objects.create(
            kind=rca, tool=bench, wafer=wafer, from_class=C.COPPER, to_class=C.FEOL,
            cleaned_at=row.get().cleaned_at, certificate=PROTOCOL,
        )  # fmt: skip


def test_a_carrier_is_cleaned_when_it_is_empty(
    lot: Lot, technician: User, bench: Tool, rca: Clean
) -> None:
    empty = Carrier.objects.create(code="FOUP-92", contamination_class=C.BEOL)
    asked: dict[str, Any] = {
        "actor": technician, "kind": rca, "tool": bench, "certificate": PROTOCOL
    }  # fmt: skip
    made = certify_carrier(carrier=empty, **asked)
    empty.refresh_from_db()
    assert (empty.contamination_class, made.from_class) == (C.FEOL, C.BEOL)
    assert refused(lambda: certify_carrier(carrier=empty, **asked)) == "nothing_to_clean"
    assert lot.carrier is not None
    full = lot.carrier
    assert refused(lambda: certify_carrier(carrier=full, **asked)) == "carrier_full"


def test_what_is_not_certified(
    lot: Lot, technician: User, alice: User, bench: Tool, rca: Clean, scanner: Tool, world: World
) -> None:
    backside = make_clean("strip", C.RESIST, C.FEOL)
    assert refused(lambda: certify(alice, rca, bench, lot)) == "not_allowed"
    assert refused(lambda: certify(technician, rca, scanner, lot)) == "clean_not_on_tool"
    short = {"certificate": " ok "}
    assert refused(lambda: certify(technician, rca, bench, lot, **short)) == "certificate_missing"
    assert refused(lambda: certify(technician, backside, bench, lot)) == "nothing_to_clean"
    assert refused(lambda: certify(technician, rca, bench, lot, wafers=[])) == "wafers_not_here"
    away = register(actor=alice, product="resist", wafer_count=1)
    assert refused(lambda: certify(technician, rca, bench, away)) == "wafers_not_here"
    RunWafer.objects.create(
        run=world.run, wafer=lot.wafers.get(slot=1), state=SubstrateState.IN_PROCESS
    )
    assert refused(lambda: certify(technician, rca, bench, lot)) == "wafers_in_process"
    assert classes(lot) == [C.COPPER, C.COPPER, C.FEOL]
    assert not CertifiedClean.objects.exists()


def test_a_run_gives_each_wafer_the_cleanest_class_there_is(
    lot: Lot, technician: User, bench: Tool, rca: Clean
) -> None:
    make_clean("strip", C.BACKSIDE, C.BEOL, cost=1)
    lot.wafers.filter(slot=2).update(contamination_class=C.BACKSIDE)
    made = clean_by_run(
        actor=technician, tool=bench, wafers=list(lot.wafers.all()), run_id=7, certificate="R00007"
    )
    assert classes(lot) == [C.FEOL, C.BEOL, C.FEOL]
    assert {one.run_id for one in made} == {7}
    assert not clean_by_run(
        actor=technician, tool=make_tool("etch"), wafers=list(lot.wafers.all()), run_id=8,
        certificate="R00008",
    )  # fmt: skip


@pytest.mark.parametrize("state", [RunState.COMPLETED, RunState.STOPPED, RunState.ABORTED])
def test_only_a_completed_run_cleans_and_only_what_it_processed(
    world: World, technician: User, bench: Tool, rca: Clean, state: RunState
) -> None:
    world.lot.wafers.update(contamination_class=C.COPPER)
    run = Run.objects.create(
        traveler=world.traveler, operation=world.run.operation, booking=world.booking,
        company=world.lot.company, tool=bench, recipe_version=world.version,
        recipe_sha256=world.version.sha256, state=RunState.RUNNING, started_by=technician,
    )  # fmt: skip
    done, aborted, _never = world.lot.wafers.order_by("slot")
    RunWafer.objects.create(run=run, wafer=done, state=SubstrateState.PROCESSED)
    RunWafer.objects.create(run=run, wafer=aborted, state=SubstrateState.ABORTED)
    moves.end(run, state)
    expected = [C.COPPER] * 3
    if state == RunState.COMPLETED:
        expected[0] = C.FEOL
        assert str(run) in CertifiedClean.objects.get().certificate
    assert classes(world.lot) == expected


def test_a_clean_that_the_tool_itself_does_not_certify_changes_no_class(
    world: World, technician: User, bench: Tool, rca: Clean
) -> None:
    """A resist strip runs on the same tool as the certified clean."""
    world.lot.wafers.update(contamination_class=C.COPPER)
    run = Run.objects.create(
        traveler=world.traveler, operation=world.run.operation, booking=world.booking,
        company=world.lot.company, tool=bench, recipe_version=world.version,
        recipe_sha256=world.version.sha256, state=RunState.RUNNING, started_by=technician,
    )  # fmt: skip
    certified, stripped, _never = world.lot.wafers.order_by("slot")
    for seq, (wafer, says) in enumerate(((certified, 1.0), (stripped, 0.0)), start=1):
        RunWafer.objects.create(run=run, wafer=wafer, state=SubstrateState.PROCESSED)
        step = Step.objects.create(
            run=run, tool=bench, seq=seq, kind="clean", title="Clean", wafer=wafer,
            state=StepState.DONE, after_unknown="ask_tool",
        )  # fmt: skip
        Reading.objects.create(
            run=run, step=step, wafer=wafer, key=moves.CERTIFIED, value=says, at=timezone.now()
        )
    moves.end(run, RunState.COMPLETED)
    assert classes(world.lot) == [C.FEOL, C.COPPER, C.COPPER]


STEP = st.tuples(st.sampled_from(["write", "rca", "strip", "run"]), st.sampled_from(C.values))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=6))
def test_a_class_never_gets_better_without_a_certificate(
    lot: Lot, technician: User, bench: Tool, rca: Clean, steps: list[tuple[str, int]]
) -> None:
    """Whatever is written, cleaned or run, in whatever order."""
    wafer = lot.wafers.get(slot=1)
    kinds = {"rca": rca, "strip": Clean.objects.filter(code="strip").first()}
    kinds["strip"] = kinds["strip"] or make_clean("strip", C.BEOL, C.RESIST)
    for what, value in steps:
        before = Wafer.objects.get(pk=wafer.pk).contamination_class
        certificates = CertifiedClean.objects.filter(wafer=wafer).count()
        try:
            with transaction.atomic():
                _do(what, value, wafer, technician, bench, kinds)
        except (Refusal, IntegrityError):
            assert Wafer.objects.get(pk=wafer.pk).contamination_class == before
        after = Wafer.objects.get(pk=wafer.pk).contamination_class
        more = CertifiedClean.objects.filter(wafer=wafer).count() - certificates
        assert more == (after < before)


def _do(what: str, value: int, wafer: Wafer, by: User, tool: Tool, kinds: dict[str, Any]) -> None:
    if what == "write":
        Wafer.objects.filter(pk=wafer.pk).update(contamination_class=value)
    elif what == "run":
        clean_by_run(actor=by, tool=tool, wafers=[wafer], run_id=1, certificate="R00001")
    else:
        certify_wafers(actor=by, kind=kinds[what], tool=tool, wafers=[wafer], certificate=PROTOCOL)


def test_the_pages(
    sign_in: Callable[[User], Client], lot: Lot, technician: User, process_engineer: User,
    charlie: User, alice: User, bench: Tool,
) -> None:  # fmt: skip
    kind = {
        "code": "rca", "name_ko": "RCA", "name_en": "RCA", "tool_kind": "clean",
        "from_class": 3, "to_class": 0, "cost_won": 1000,
    }  # fmt: skip
    staff = sign_in(process_engineer)
    assert staff.post("/cleans/", kind | {"to_class": 3}).status_code == 422
    assert staff.post("/cleans/", kind).status_code == 302
    assert staff.post("/cleans/rca/", kind | {"cost_won": 2000}).status_code == 302
    assert Clean.objects.get().cost_won == 2000
    client = sign_in(technician)
    path = f"/lots/{lot.code}/clean/"
    form = {"kind": "rca", "tool": "clean-1", "certificate": PROTOCOL, "slots": [1, 2]}
    assert client.get(path).context["form"].fields["slots"].initial == [1, 2]
    assert client.post(path, form | {"slots": []}).status_code == 422
    assert client.post(path, form).status_code == 302
    assert client.post(path, form).status_code == 409
    assert PROTOCOL in sign_in(alice).get(f"/lots/{lot.code}/").content.decode()
    assert PROTOCOL in sign_in(alice).get("/cleans/").content.decode()
    assert PROTOCOL not in sign_in(charlie).get("/cleans/").content.decode()
    Carrier.objects.create(code="FOUP-93", contamination_class=C.BEOL)
    carrier = form | {"carrier": "FOUP-93"}
    assert client.post("/cleans/carrier/certify/", carrier).status_code == 302
    assert client.post("/cleans/carrier/certify/", carrier).status_code == 422


def test_the_api(
    api: Callable[[User], APIClient], lot: Lot, technician: User, alice: User, charlie: User,
    process_engineer: User, bench: Tool,
) -> None:  # fmt: skip
    terms = {"name_ko": "RCA", "name_en": "RCA", "tool_kind": "clean", "cost_won": 1000}
    put = api(process_engineer).put("/api/v1/cleans/rca/", terms | CLASSES, format="json")
    assert (put.status_code, put.json()["from_class"]) == (200, 3)
    client = api(technician)
    said = {"clean": "rca", "tool": "clean-1", "certificate": PROTOCOL, "lot": lot.code}
    made = client.post("/api/v1/certified-cleans/", said | {"slots": [1]}, format="json")
    assert (made.status_code, len(made.json())) == (201, 1), made.json()
    both = client.post("/api/v1/certified-cleans/", said | {"carrier": "FOUP-91"}, format="json")
    assert (both.status_code, list(both.json()["fields"])) == (400, ["lot"])
    carrier = Carrier.objects.create(code="FOUP-92", contamination_class=C.BEOL)
    said = said | {"lot": None, "carrier": carrier.code}
    assert client.post("/api/v1/certified-cleans/", said, format="json").status_code == 201
    seen = [api(who).get("/api/v1/certified-cleans/").json()["count"] for who in (alice, charlie)]
    assert seen == [1, 0]


def test_a_cleaning_tool_takes_what_it_is_there_to_clean(world: World, technician: User) -> None:
    def may_start() -> bool:
        at = Situation(
            actor=technician, booking=world.booking, operation=world.run.operation, slots=[1]
        )
        return next(one.is_met for one in interlocks(at) if one.code == "contamination")

    world.lot.wafers.update(contamination_class=C.COPPER)
    assert not may_start()
    rca = make_clean("rca", C.COPPER, C.FEOL)
    Clean.objects.filter(pk=rca.pk).update(tool_kind=world.tool.kind)
    assert may_start()
    world.lot.wafers.update(contamination_class=C.BACKSIDE)
    assert not may_start()
