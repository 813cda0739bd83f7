"""A module is ordered as a whole at its price, with a promise that can be kept, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from testbed.booking.cancel import cancel
from testbed.booking.change import change
from testbed.booking.hold import hold
from testbed.booking.models import Booking, BookingState, Bundle
from testbed.booking.override import Override
from testbed.booking.route_place import cancel_route, chosen
from testbed.booking.target import Target
from testbed.notices.models import Notice
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.services.models import GONE, Module, Order, OrderState
from testbed.services.modules import save_module
from testbed.services.order import complete, find_offers, finish, order
from testbed.services.promise import Standing, record_of, shown
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]


def offers(actor: User, module: Module, wafers: int = 5) -> list:  # type: ignore[type-arg]
    start = tomorrow(8)
    found = find_offers(
        actor=actor, module=module, wafers=wafers, start=start, end=start + timedelta(days=5)
    )
    return found.offers


def ordered(actor: User, module: Module, number: int = 0) -> Order:
    steps = chosen(offers(actor, module)[number].combination)
    return order(actor=actor, module=module, wafers=5, steps=steps, purpose="resist")


def test_the_modules_price_replaces_that_of_its_steps(alice: User, module: Module) -> None:
    placed = ordered(alice, module)
    assert placed.quote["total_won"] == 1_100_000
    first, second = Booking.objects.filter(bundle=placed.bundle).order_by("position")
    assert [line["code"] for line in first.quote["lines"]] == ["module"]
    assert [line["code"] for line in second.quote["lines"]] == ["in_module"]
    assert first.quote["total_won"] + second.quote["total_won"] == 1_100_000
    assert {first.state, second.state} == {BookingState.PENDING}
    assert first.wished_document == "test_report"


def test_every_offer_can_keep_its_promise(alice: User, module: Module) -> None:
    module.turnaround_days = 1
    found = offers(alice, module)
    assert found
    assert all(one.combination.ends_at <= one.promised_at for one in found)
    late = chosen(found[0].combination)
    late[1] = replace(
        late[1],
        starts_at=late[1].starts_at + timedelta(days=6),
        ends_at=late[1].ends_at + timedelta(days=6),
    )
    with pytest.raises(Refusal, match="promise_impossible"):
        order(actor=alice, module=module, wafers=5, steps=late)


def test_nothing_is_ordered_when_a_step_is_taken(
    alice: User, charlie: User, module: Module, cd_sem: Tool
) -> None:
    combination = offers(alice, module)[0].combination
    leg = combination.legs[1]
    hold(actor=charlie, target=Target(tool=cd_sem), starts_at=leg.starts_at, ends_at=leg.ends_at)
    with pytest.raises(Refusal) as caught:
        order(actor=alice, module=module, wafers=5, steps=chosen(combination))
    assert [one["step"] for one in caught.value.extra["broken_steps"]] == [2]
    assert not Order.objects.exists()
    assert not Bundle.objects.exists()


def test_the_steps_are_the_modules_own(alice: User, module: Module) -> None:
    steps = chosen(offers(alice, module)[0].combination)
    shorter = replace(steps[0], ends_at=steps[0].ends_at - timedelta(minutes=15))
    for wrong in (steps[:1], [steps[0], steps[0]], [shorter, steps[1]], []):
        with pytest.raises(Refusal, match="not_this_module"):
            order(actor=alice, module=module, wafers=5, steps=wrong)
    # A limit that the client leaves out is still kept.
    free = [steps[0], replace(steps[1], within_minutes=None)]
    placed = order(actor=alice, module=module, wafers=5, steps=free)
    assert Booking.objects.get(bundle=placed.bundle, position=2).within_minutes == 240


def test_wafers_and_dates_of_the_module(alice: User, bob: User, module: Module) -> None:
    for wafers in (0, 6):
        with pytest.raises(Refusal, match="wafer_count"):
            offers(alice, module, wafers)
    steps = chosen(offers(alice, module)[0].combination)
    with pytest.raises(Refusal, match="not_allowed"):
        order(actor=bob, module=module, wafers=5, steps=steps)
    module.valid_until = timezone.localdate() - timedelta(days=1)
    with pytest.raises(Refusal, match="not_offered"):
        order(actor=alice, module=module, wafers=5, steps=steps)


def test_moving_a_step_keeps_the_price_and_shows_the_risk(
    alice: User, module: Module, cd_sem: Tool
) -> None:
    placed = ordered(alice, module)
    step = Booking.objects.get(bundle=placed.bundle, position=2)
    far = step.starts_at + timedelta(days=20)
    moved = change(
        actor=alice, booking=step, target=Target(tool=cd_sem), starts_at=far,
        ends_at=far + timedelta(hours=1),
    )  # fmt: skip
    assert moved.quote == step.quote
    [row] = shown([placed], timezone.now())
    assert row.standing == Standing.AT_RISK


def test_finishing_keeps_or_breaks_the_promise(
    alice: User, technician: User, module: Module
) -> None:
    assert record_of(module)
    kept, late, early = (ordered(alice, module, 0) for _number in range(3))
    with pytest.raises(Refusal, match="steps_remain"):
        finish(actor=technician, order=early)
    with pytest.raises(Refusal, match="not_allowed"):
        finish(actor=alice, order=kept)
    past = timezone.now() - timedelta(days=2)
    Booking.objects.filter(bundle__in=[kept.bundle, late.bundle]).update(
        starts_at=past, ends_at=past + timedelta(hours=1)
    )
    Order.objects.filter(pk=late.pk).update(promised_at=past)
    for one in (kept, late):
        finish(actor=technician, order=one)
        with pytest.raises(Refusal, match="over"):
            finish(actor=technician, order=one)
    rows = shown(list(Order.objects.all()), timezone.now())
    assert [row.standing for row in rows] == [
        Standing.ON_TIME, Standing.KEPT, Standing.KEPT_LATE
    ]  # fmt: skip
    assert "1" in record_of(module)
    assert "2" in record_of(module)


def test_a_cancelled_chain_is_a_cancelled_order(alice: User, module: Module) -> None:
    placed = ordered(alice, module)
    cancel_route(actor=alice, bundle=placed.bundle)
    assert [row.standing for row in shown([placed], timezone.now())] == [Standing.CANCELLED]


def test_who_ordered_is_told_once_when_the_order_ends_by_itself(
    alice: User, technician: User, module: Module, django_capture_on_commit_callbacks: Any
) -> None:
    kept, late, gone = (ordered(alice, module, number) for number in range(3))
    told = Notice.objects.filter(kind="service", reader=alice)
    for one, at in ((kept, kept.promised_at), (late, late.promised_at + timedelta(hours=1))):
        assert complete(order=one, at=at)
        assert not complete(order=one, at=at)
    with django_capture_on_commit_callbacks(execute=True):
        cancel_route(actor=alice, bundle=gone.bundle)
    with django_capture_on_commit_callbacks(execute=True):
        finish_early = Booking.objects.filter(bundle=late.bundle).first()
        assert finish_early is not None
        cancel(actor=alice, booking=finish_early)
    subjects = sorted(one.text("en")["subject"] for one in told)
    assert subjects == [
        f"{kept} (Resist evaluation) is finished",
        f"{late} (Resist evaluation) is finished",
        f"{gone} (Resist evaluation) is cancelled: no step of it is left",
    ]
    said = {one.path: one.text("ko")["sentences"][0] for one in told}
    assert "약속을 지켰습니다" in said[f"/services/orders/{kept.pk}/"]
    assert "늦었습니다" in said[f"/services/orders/{late.pk}/"]


def test_the_database_ties_the_state_to_its_time(alice: User, module: Module) -> None:
    placed = ordered(alice, module)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=placed.pk).update(state=OrderState.FINISHED)
    with pytest.raises(IntegrityError), transaction.atomic():
        Module.objects.update(wafers_max=0)


def test_the_administrator_keeps_the_catalogue(
    alice: User, administrator: User, module: Module
) -> None:
    with pytest.raises(Refusal, match="not_allowed"):
        save_module(actor=alice, module=module, price_won=1)
    saved = save_module(actor=administrator, module=module, price_won=2_000_000)
    assert saved.price_won == 2_000_000
    with pytest.raises(Refusal) as caught:
        save_module(actor=administrator, module=module, wafers_min=9)
    assert caught.value.code == "module_not_valid"


def test_the_pages(
    alice: User, charlie: User, administrator: User, sign_in: SignIn, module: Module
) -> None:
    client = sign_in(alice)
    [card] = client.get("/services/").context["cards"]
    assert card["next"] is not None
    page = client.get("/services/arf/", {"wafers": "5"})
    _offer, wish = page.context["offers"][0]
    placed = client.post("/services/arf/order/", {"wafers": "5", "steps": wish})
    found = Order.objects.get()
    assert placed.headers["Location"] == f"/services/orders/{found.pk}/"
    assert client.get(placed.headers["Location"]).context["row"].standing == Standing.ON_TIME
    assert sign_in(charlie).get(placed.headers["Location"]).status_code == 404
    assert sign_in(charlie).get("/services/orders/").context["rows"] == []
    staff = sign_in(administrator)
    assert len(staff.get("/services/orders/").context["rows"]) == 1
    refused = client.post("/services/arf/order/", {"wafers": "5", "steps": wish})
    assert refused.status_code in (409, 422)
    assert refused.context["offers"]
    remains = staff.post(f"/services/orders/{found.pk}/finish/")
    assert remains.context["refused"].code == "steps_remain"
    assert client.post("/services/arf/order/", {"wafers": "5", "steps": "["}).status_code == 302


def test_a_module_is_added_and_changed_on_pages(
    alice: User, administrator: User, sign_in: SignIn, module: Module
) -> None:
    staff = sign_in(administrator)
    body = {
        "code": "new", "name_ko": "새 모듈", "name_en": "New", "description_ko": "설명",
        "description_en": "Words", "route": str(module.route_id), "wafers_min": "1",
        "wafers_max": "3", "price_won": "500000", "turnaround_days": "2", "document": "none",
        "is_active": "on",
    }  # fmt: skip
    assert staff.post("/services/new/", body).headers["Location"] == "/services/new/" or (
        Module.objects.filter(code="new").exists()
    )
    assert (
        staff.post("/services/new/", {**body, "code": "other", "wafers_max": "99"}).status_code
        == 422
    )
    changed = {**body, "code": "arf", "price_won": "1500000"}
    assert staff.post("/services/arf/edit/", changed).status_code == 302
    assert Module.objects.get(code="arf").price_won == 1_500_000
    assert sign_in(alice).get("/services/arf/edit/").status_code == 403


def test_the_api(alice: User, charlie: User, technician: User, api: Api, module: Module) -> None:
    client = api(alice)
    [listed] = client.get("/api/v1/services/").json()["results"]
    assert listed["quote"]["total_won"] == 1_100_000
    found = client.post("/api/v1/services/arf/offers/", {"wafers": 5}, format="json").json()
    names = ("target", "starts_at", "ends_at", "within_minutes")
    steps = [{name: step[name] for name in names} for step in found["offers"][0]["steps"]]
    body = {"wafers": 5, "steps": steps}
    for _twice in range(2):
        made = client.post(
            "/api/v1/services/arf/orders/", body, format="json", headers={"Idempotency-Key": "k"}
        )
        assert made.status_code == 201, made.content
    address = f"/api/v1/service-orders/{Order.objects.get().pk}/"
    assert client.get(address).json()["standing"] == "on_time"
    assert len(client.get("/api/v1/service-orders/").json()["results"]) == 1
    assert api(charlie).get(address).status_code == 404
    assert api(charlie).get("/api/v1/service-orders/").json()["results"] == []
    assert api(technician).post(f"{address}finish/").status_code == 409
    for bad in ({}, {"wafers": 99}, {"wafers": 5, "from": "x"}):
        answer = client.post("/api/v1/services/arf/offers/", bad, format="json")
        assert answer.status_code == 400
    assert client.post("/api/v1/services/none/offers/", {"wafers": 5}).status_code == 404


class TestAtTheDesk:
    """Staff order for a company's engineer, with a rule aside where it must be."""

    def asked(self, module: Module, alice: User) -> dict[str, Any]:
        found = chosen(offers(alice, module)[0].combination)
        return {"module": module, "wafers": 5, "steps": found, "on_behalf_of": alice}

    def test_on_behalf_and_with_a_rule_aside(
        self, alice: User, administrator: User, module: Module
    ) -> None:
        asked = self.asked(module, alice)
        setting("maximum_length", minutes=1)
        with pytest.raises(Refusal, match="rules_broken|maximum_length"):
            order(actor=administrator, **asked)
        given = Override(frozenset({"maximum_length"}), "agreed beforehand")
        placed = order(actor=administrator, **asked, override=given)
        assert (placed.ordered_by, placed.company) == (alice, alice.company)
        steps = Booking.objects.filter(bundle=placed.bundle)
        assert {(one.placed_by, tuple(one.overridden)) for one in steps} == {
            (administrator, ("maximum_length",))
        }
        with pytest.raises(Refusal, match="not_allowed"):
            order(actor=alice, **asked)

    def test_on_the_page(
        self, alice: User, administrator: User, module: Module, sign_in: SignIn
    ) -> None:
        client, address = sign_in(administrator), f"/services/{module.code}/"
        asked = {"for": str(alice.pk), "wafers": "5"}
        asked |= {"at": tomorrow(8).strftime("%Y-%m-%dT%H:%M")}
        page = client.get(address, asked)
        assert (page.context["behalf"], page.context["may_book"]) == (alice, True)
        setting("maximum_length", minutes=1)
        sent = asked | {"steps": page.context["exact"]["wish"]}
        refused = client.post(f"{address}order/", sent)
        assert refused.status_code == 422
        assert [one["code"] for one in refused.context["yielding"]] == ["maximum_length"]
        sent |= {"override": "maximum_length", "override_reason": "agreed beforehand"}
        assert client.post(f"{address}order/", sent).status_code == 302
        assert Order.objects.get().ordered_by == alice


# -- an order's own life ---------------------------------------------------------------------------
LEAVING = (
    BookingState.CANCELLED, BookingState.REFUSED, BookingState.EXPIRED, BookingState.DISPLACED,
)  # fmt: skip


def stored(placed: Order) -> str:
    placed.refresh_from_db()
    return str(placed.state)


@given(
    events=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([*LEAVING, BookingState.CONFIRMED, "done"])),
        max_size=6,
    )
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_stored_state_is_always_the_bundles(
    alice: User, module: Module, events: list[tuple[int, str]]
) -> None:
    """Whatever becomes of its steps, in whatever order, and whoever says so."""
    with transaction.atomic():
        placed = ordered(alice, module)
        pks = list(placed.bundle.bookings.order_by("position").values_list("pk", flat=True))
        finished = False
        for number, event in events:
            if event == "done":
                with contextlib.suppress(Refusal, DatabaseError), transaction.atomic():
                    finished = complete(order=placed, at=timezone.now()) or finished
            else:
                with contextlib.suppress(DatabaseError), transaction.atomic():
                    Booking.objects.filter(pk=pks[number]).update(state=event)
            left = Booking.objects.filter(pk__in=pks).exclude(state__in=GONE).exists()
            expected = (
                OrderState.FINISHED if finished
                else OrderState.OPEN if left
                else OrderState.CANCELLED
            )  # fmt: skip
            assert stored(placed) == expected
            [row] = shown([placed], timezone.now())
            assert (row.standing == Standing.CANCELLED) == (expected == OrderState.CANCELLED)
        transaction.set_rollback(True)


def test_a_cancelled_chain_cancels_its_order_at_once(
    alice: User, technician: User, module: Module
) -> None:
    placed = ordered(alice, module)
    cancel_route(actor=alice, bundle=placed.bundle)
    assert stored(placed) == OrderState.CANCELLED
    with pytest.raises(Refusal, match="over"):
        finish(actor=technician, order=placed)
    assert not complete(order=placed, at=timezone.now())


def test_the_database_lets_no_state_disagree(alice: User, module: Module) -> None:
    placed = ordered(alice, module)
    says = "when, and only when, no step is left"
    with pytest.raises(IntegrityError, match=says), transaction.atomic():
        Order.objects.filter(pk=placed.pk).update(state=OrderState.CANCELLED)
    cancel_route(actor=alice, bundle=placed.bundle)
    with pytest.raises(DatabaseError, match=f"{says}|Invalid transition"), transaction.atomic():
        Order.objects.filter(pk=placed.pk).update(state=OrderState.OPEN)
