"""The newer answers of the form, and the rules about them, through the verbs and the database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from testbed.booking.cancel import cancel
from testbed.booking.change import change
from testbed.booking.hold import hold
from testbed.booking.models import Booking, SupplyClaim, UseMode
from testbed.booking.place import Answers, place, submit
from testbed.booking.target import Target
from testbed.process.models import Operation, Recipe, Route
from testbed.refusals import Refusal
from testbed.tools.models import Clean, Course, Qualification, Supply, Tool, Training
from testbed.tools.supplies import load
from tests.booking.conftest import setting, tomorrow
from tests.conftest import make_tool, make_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from testbed.material.models import Lot
    from testbed.people.models import Company, User

ALONE = UseMode.SELF_OPERATED


def reticle(*tools: Tool, **fields: Any) -> Supply:
    known = {"code": "L40", "kind": "reticle", "name_ko": "레티클", "name_en": "Reticle L40"}
    made = Supply.objects.create(**known | fields)
    made.tools.set(tools)
    return made


def book(actor: User, tool: Tool, hour: int = 10, **answers: Any) -> Booking:
    return place(
        actor=actor, target=Target(tool=tool), starts_at=tomorrow(hour),
        ends_at=tomorrow(hour + 2), answers=Answers(**answers),
    )  # fmt: skip


def refused(actor: User, tool: Tool, hour: int = 10, **answers: Any) -> Refusal:
    with pytest.raises(Refusal) as stopped:
        book(actor, tool, hour, **answers)
    return stopped.value


class TestReticles:
    def test_a_reticle_is_in_one_booking_at_a_time(
        self, alice: User, charlie: User, cd_sem: Tool, scanner: Tool
    ) -> None:
        one = reticle(cd_sem, scanner)
        first = book(alice, scanner, supplies=[one])
        said = refused(charlie, cd_sem, 11, supplies=[one])
        assert (said.code, said.status) == ("reticle_taken", 409)
        assert "Gaon" not in str(said.message)
        assert book(charlie, cd_sem, 12, supplies=[one]).pk
        cancel(actor=alice, booking=first)
        Booking.objects.filter(booked_by=charlie).update(state="cancelled")
        assert book(charlie, cd_sem, 10, supplies=[one]).pk

    def test_the_database_holds_it_without_the_check(
        self, alice: User, charlie: User, cd_sem: Tool, scanner: Tool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        one = reticle(cd_sem, scanner)
        book(alice, scanner, supplies=[one])
        monkeypatch.setattr("testbed.booking.gather_answers._in_use", lambda *_all: frozenset())
        assert refused(charlie, cd_sem, supplies=[one]).code == "reticle_taken"

    def test_its_claim_moves_with_the_booking(
        self, alice: User, charlie: User, cd_sem: Tool, scanner: Tool
    ) -> None:
        one = reticle(cd_sem, scanner)
        moved = book(alice, scanner, 10, supplies=[one])
        book(charlie, cd_sem, 14, supplies=[one])
        for hour in (8, 11):
            change(
                actor=alice, booking=moved, target=Target(tool=scanner),
                starts_at=tomorrow(hour), ends_at=tomorrow(hour + 2),
            )  # fmt: skip
            claim = SupplyClaim.objects.get(booking=moved)
            assert (claim.starts_at, claim.live) == (tomorrow(hour), True)
        with pytest.raises(Refusal, match="reticle_taken"):
            change(
                actor=alice, booking=moved, target=Target(tool=scanner),
                starts_at=tomorrow(13), ends_at=tomorrow(15),
            )  # fmt: skip
        with pytest.raises(IntegrityError, match="supply_claim_no_overlap"), transaction.atomic():
            Booking.objects.filter(pk=moved.pk).update(ends_at=tomorrow(15))

    def test_a_resist_is_for_many_and_a_held_slot_takes_it_when_submitted(
        self, alice: User, charlie: User, cd_sem: Tool, scanner: Tool
    ) -> None:
        resist = reticle(cd_sem, scanner, kind="resist")
        book(charlie, scanner, supplies=[resist])
        held = hold(
            actor=alice, target=Target(tool=cd_sem), starts_at=tomorrow(10), ends_at=tomorrow(12)
        )
        placed = submit(actor=alice, booking=held, answers=Answers(supplies=[resist]))
        assert list(placed.supplies.all()) == [resist]

    def test_only_what_the_tool_uses_and_the_company_may_have(
        self, alice: User, company_b: Company, cd_sem: Tool, scanner: Tool
    ) -> None:
        elsewhere = reticle(scanner)
        assert "supplies" in refused(alice, cd_sem, supplies=[elsewhere]).fields
        others = reticle(cd_sem, code="B1", company=company_b)
        assert "supplies" in refused(alice, cd_sem, supplies=[others]).fields
        assert others not in Supply.objects.visible_to(alice)

    def test_what_is_gone_is_refused_with_a_next_step(self, alice: User, cd_sem: Tool) -> None:
        one = reticle(cd_sem)
        for code, fields in {
            "supply_withdrawn": {"is_withdrawn": True},
            "supply_expired": {"expires_on": timezone.localdate()},
            "supply_out": {"quantity": 0},
            "supply_away": {"unavailable_until": tomorrow(11)},
        }.items():
            fresh = reticle(cd_sem, code=code[:20], **fields)
            said = refused(alice, cd_sem, supplies=[fresh])
            assert (said.code, bool(said.next_step)) == (code, True)
        assert book(alice, cd_sem, supplies=[one]).pk

    def test_the_last_piece_is_booked_where_it_is_loaded(
        self, alice: User, technician: User, cd_sem: Tool, scanner: Tool
    ) -> None:
        last = reticle(cd_sem, scanner, kind="gas", quantity=1)
        load(actor=technician, tool=cd_sem, supply=last)
        last.refresh_from_db()
        assert last.quantity == 0
        assert refused(alice, scanner, supplies=[last]).code == "supply_out"
        assert book(alice, cd_sem, supplies=[last]).pk


class TestPeople:
    def test_alone_at_night_needs_a_qualified_buddy(
        self, alice: User, charlie: User, company_a: Company, cd_sem: Tool
    ) -> None:
        setting("buddy_missing")
        setting("buddy_not_qualified")
        setting("tool_taken", cd_sem)
        dana = make_user("dana@gaon.example", alice.role, company_a)  # type: ignore[arg-type]
        assert refused(alice, cd_sem, 20, use_mode=ALONE).code == "buddy_missing"
        said = refused(alice, cd_sem, 20, use_mode=ALONE, buddy=dana)
        assert said.code == "buddy_not_qualified"
        assert "buddy" in said.fields
        for nobody in (charlie, alice):
            said = refused(alice, cd_sem, 20, use_mode=ALONE, buddy=nobody)
            assert "buddy" in said.fields
        Qualification.objects.create(user=dana, tool=cd_sem, granted_at=timezone.now())
        assert book(alice, cd_sem, 20, use_mode=ALONE, buddy=dana).buddy == dana

    def test_a_course_of_the_area_is_asked_for_and_must_last(
        self, alice: User, cd_sem: Tool, scanner: Tool
    ) -> None:
        for code in ("training_missing", "training_expired"):
            setting(code)
        course = Course.objects.create(
            code="safety", name_ko="안전", name_en="Safety", area=cd_sem.area
        )
        assert refused(alice, cd_sem, use_mode=ALONE).code == "training_missing"
        assert book(alice, scanner, use_mode=ALONE).pk
        today = timezone.localdate()
        month_ago = today - timedelta(days=30)
        passed = Training.objects.create(
            user=alice, course=course, completed_on=month_ago, valid_until=tomorrow(0).date()
        )
        assert book(alice, cd_sem, use_mode=ALONE).pk
        passed.valid_until = today - timedelta(days=1)
        passed.save()
        assert refused(alice, cd_sem, 14, use_mode=ALONE).code == "training_expired"
        course.area = ""
        course.save()
        assert book(alice, cd_sem, 14, use_mode=ALONE).pk


class TestRoute:
    @pytest.fixture
    def route(self, cd_sem: Tool) -> Route:
        """A copper etch, then the CD-SEM, which sees nothing dirtier than FEOL."""
        make_tool("etcher", contamination_class=3)
        recipe = Recipe.objects.create(code="any", title="any", tool_kind="etcher")
        route = Route.objects.create(code="cu", name_ko="구리", name_en="Copper")
        for place_, kind in enumerate(("etcher", "cd_sem"), 1):
            Operation.objects.create(
                route=route, position=place_, name_ko=kind, name_en=kind, tool_kind=kind,
                recipe=recipe,
            )  # fmt: skip
        return route

    def test_the_required_clean_is_proposed_with_its_price(
        self, alice: User, company_a: Company, route: Route, lot_of: Callable[..., Lot]
    ) -> None:
        lot = lot_of(company_a, alice)
        asked = {"lot": lot, "wafer_count": 3, "route": route}
        etcher = Tool.objects.get(code="etcher")
        assert refused(alice, etcher, **asked).code == "contamination_dead_end"
        Clean.objects.create(
            code="rca", name_ko="RCA 세정", name_en="RCA clean", tool_kind="clean",
            from_class=3, to_class=0, cost_won=220_000,
        )  # fmt: skip
        said = refused(alice, etcher, **asked)
        assert said.code == "contamination_route"
        step = str(said.next_step)
        assert "RCA" in step
        assert "220,000" in step
        assert "cd_sem" in step

    def test_the_tool_that_cleans_takes_dirty_wafers(
        self, alice: User, company_a: Company, lot_of: Callable[..., Lot]
    ) -> None:
        lot, bench = lot_of(company_a, alice), make_tool("clean")
        lot.wafers.update(contamination_class=3)
        assert refused(alice, bench, lot=lot, wafer_count=3).code == "contamination"
        rca = Clean.objects.create(
            code="rca", name_ko="RCA 세정", name_en="RCA clean", tool_kind="clean",
            from_class=2, to_class=0, cost_won=220_000,
        )  # fmt: skip
        assert refused(alice, bench, lot=lot, wafer_count=3).code == "contamination"
        rca.from_class = 3
        rca.save()
        assert book(alice, bench, lot=lot, wafer_count=3).pk

    def test_what_comes_before_the_booked_tool_is_past(
        self, alice: User, company_a: Company, route: Route, cd_sem: Tool,
        lot_of: Callable[..., Lot],
    ) -> None:  # fmt: skip
        lot = lot_of(company_a, alice)
        assert book(alice, cd_sem, lot=lot, wafer_count=3, route=route).pk
        setting("contamination_dead_end", refuse=False)
        etcher = Tool.objects.get(code="etcher")
        assert book(alice, etcher, lot=lot, wafer_count=3, route=route).pk


class TestForm:
    def test_the_form_and_the_pages_carry_the_answers(
        self, alice: User, company_a: Company, sem_target: Target, cd_sem: Tool, sign_in: Any
    ) -> None:
        one = reticle(cd_sem)
        dana = make_user("dana@gaon.example", alice.role, company_a)  # type: ignore[arg-type]
        held = hold(actor=alice, target=sem_target, starts_at=tomorrow(10), ends_at=tomorrow(12))
        sent = {
            "wafer_count": 1, "test_wafers": 0, "use_mode": "requested", "purpose": "",
            "wished_document": "test_report", "buddy": dana.pk, "supplies": [one.pk],
            "step": "check",
        }  # fmt: skip
        client, path = sign_in(alice), f"/book/hold/{held.pk}/"
        page = client.post(path, sent).content.decode()
        assert all(word in page for word in ("시험성적서", "dana", "레티클"))
        again = client.get(path).content.decode()
        assert f'value="{one.pk}" id="id_supplies_0" checked' in again
        assert client.post(path, sent | {"step": "submit"}).status_code == 302
        placed = Booking.objects.get(pk=held.pk)
        assert (placed.wished_document, placed.buddy) == ("test_report", dana)
        page = client.get(f"/bookings/{held.pk}/").content.decode()
        assert all(word in page for word in ("시험성적서", "dana", "레티클"))

    def test_a_report_of_self_operated_use_is_refused_beside_its_field(
        self, alice: User, sem_target: Target, sign_in: Any
    ) -> None:
        held = hold(actor=alice, target=sem_target, starts_at=tomorrow(10), ends_at=tomorrow(12))
        sent = {
            "wafer_count": 1, "test_wafers": 0, "use_mode": "self_operated", "purpose": "",
            "wished_document": "test_report", "step": "check",
        }  # fmt: skip
        page = sign_in(alice).post(f"/book/hold/{held.pk}/", sent).content.decode()
        assert 'id="id_wished_document_error"' in page

    def test_the_api_takes_and_shows_them(
        self, api: Any, alice: User, bob: User, charlie: User, cd_sem: Tool, company_b: Company
    ) -> None:
        reticle(cd_sem)
        reticle(cd_sem, code="B1", company=company_b)
        sent: dict[str, Any] = {
            "tool": "cd_sem", "starts_at": tomorrow(10).isoformat(),
            "ends_at": tomorrow(12).isoformat(), "supplies": ["L40"], "buddy": bob.email,
            "wished_document": "data",
        }  # fmt: skip
        client = api(alice)
        for wrong in ({"supplies": ["B1"]}, {"buddy": charlie.email}, {"wished_document": "x"}):
            answer = client.post("/api/v1/bookings/", sent | wrong, format="json")
            assert (answer.status_code, set(answer.json()["fields"])) == (400, set(wrong))
        made = client.post("/api/v1/bookings/", sent, format="json")
        assert made.status_code == 201
        body = made.json()
        assert (body["supplies"], body["buddy"], body["wished_document"]) == (
            ["L40"], bob.name, "data",
        )  # fmt: skip
