"""Queue times: warned of, held with evidence, decided; and quality holds, closed by two people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.material.models import Lot, LotState
from testbed.notices.models import Notice
from testbed.people.models import User
from testbed.process.models import Operation
from testbed.refusals import Refusal
from testbed.runs import holds, news, queue_time
from testbed.runs.hold_models import HoldKind, LotHold, QueueClock
from testbed.runs.holds import Decision
from testbed.runs.models import Run
from testbed.runs.news import Topic
from testbed.runs.route_models import Rework, ScrappedWafer
from tests.runs.floor import Floor
from tests.runs.test_interlocks import open_ones, passed

LIMIT = 120


@pytest.fixture
def coated_at(floor: Floor) -> datetime:
    """Wafers 1 and 2 are coated and must be exposed within two hours of this."""
    floor.route.operations.filter(name_en="expose").update(within_minutes=LIMIT)
    floor.route.operations.filter(name_en="coat").update(max_rework=1)
    ended = timezone.now()
    Run.objects.filter(pk=passed(floor, "coat").pk).update(ended_at=ended)
    return ended


def leave(now: datetime, left_s: float, *, warned: bool) -> datetime:
    """The one clock with so many seconds left; when it is over."""
    due = now + timedelta(seconds=left_s)
    warn = min(now, due) if warned else due
    QueueClock.objects.update(began_at=now - timedelta(hours=9), warn_at=warn, due_at=due)
    return due


def look(at: datetime, minutes: float) -> int:
    return queue_time.watch(at + timedelta(minutes=minutes))


def held(floor: Floor, at: datetime, back_by: int = LIMIT + 1) -> LotHold:
    """As if the wafers had been coated so many minutes ago."""
    Run.objects.update(ended_at=at - timedelta(minutes=back_by))
    look(at, 0)
    return LotHold.objects.get(kind=HoldKind.QUEUE_TIME, closed_at=None)


def test_people_are_told_before_the_limit_and_once(
    floor: Floor, coated_at: datetime, alice: User, technician: User, charlie: User
) -> None:
    assert look(coated_at, 89) == 0
    clock = QueueClock.objects.get()
    assert (clock.slots, clock.due_at) == ([1, 2], coated_at + timedelta(minutes=LIMIT))
    assert (look(coated_at, 91), look(coated_at, 92)) == (1, 0)
    told = Notice.objects.filter(kind="queue_time")
    assert alice.pk in told.values_list("reader", flat=True)
    assert charlie.pk not in told.values_list("reader", flat=True)
    assert not LotHold.objects.exists()
    passed(floor, "expose", (1,))
    look(coated_at, 93)
    assert QueueClock.objects.get().slots == [2]
    passed(floor, "expose", (2,))
    look(coated_at, 94)
    assert not QueueClock.objects.exists()


def test_wafers_that_come_later_are_warned_of_although_others_are_over_their_time(
    floor: Floor, coated_at: datetime
) -> None:
    later = coated_at + timedelta(minutes=LIMIT - 10)
    Run.objects.filter(pk=passed(floor, "coat", (3,)).pk).update(ended_at=later)
    for minutes in (LIMIT - 1, LIMIT + 1, LIMIT + 2):
        look(coated_at, minutes)
    assert LotHold.objects.get().wafers.count() == 2
    clock = QueueClock.objects.get()
    assert (clock.slots, clock.due_at) == ([3], later + timedelta(minutes=LIMIT))
    Notice.objects.all().delete()
    assert (look(later, 89), look(later, 91), look(later, 92)) == (0, 1, 0)
    assert Notice.objects.filter(kind="queue_time").exists()
    assert look(later, LIMIT + 1) == 1
    assert LotHold.objects.get().wafers.count() == 3


def test_a_limit_as_short_as_the_jobs_period_is_warned_of_in_time(
    floor: Floor, coated_at: datetime
) -> None:
    floor.route.operations.filter(name_en="expose").update(within_minutes=1)
    assert look(coated_at, 29 / 60) == 1
    assert Notice.objects.filter(kind="queue_time").exists()
    assert not LotHold.objects.exists()


def test_no_clock_runs_for_a_lot_that_has_been_handed_back(
    floor: Floor, coated_at: datetime
) -> None:
    look(coated_at, 1)
    clocks = QueueClock.objects.all()
    assert len(queue_time.countdown_rows(clocks, coated_at)) == 1
    Lot.objects.update(state=LotState.RETURNED)
    assert queue_time.countdown_rows(clocks, coated_at) == []
    assert (look(coated_at, LIMIT + 9), clocks.count()) == (0, 0)
    assert not LotHold.objects.exists()


def test_a_broken_queue_time_holds_the_wafers_with_its_evidence(
    floor: Floor, coated_at: datetime
) -> None:
    Run.objects.update(ended_at=coated_at - timedelta(minutes=LIMIT + 1))
    # Before the background job has looked the start is refused already.
    assert open_ones(floor, "expose") == {"queue_time"}
    assert (look(coated_at, 0), look(coated_at, 1)) == (1, 0)
    hold = LotHold.objects.get()
    assert hold.evidence["limit_minutes"] == LIMIT
    assert [one["slot"] for one in hold.evidence["wafers"]] == [1, 2]
    assert hold.opened_by is None
    assert open_ones(floor, "expose") == {"queue_time", "not_on_hold"}
    assert "not_on_hold" not in open_ones(floor, "coat", (3,))


def test_a_released_hold_lets_them_go_on_and_is_not_opened_again(
    floor: Floor, coated_at: datetime, process_engineer: User, technician: User
) -> None:
    hold = held(floor, coated_at)
    release = Decision("release", "the resist is still good")
    with pytest.raises(Refusal, match="not_allowed"):
        holds.decide(actor=technician, hold=hold, decision=release)
    with pytest.raises(Refusal, match="no_reason"):
        holds.decide(actor=process_engineer, hold=hold, decision=Decision("release", " "))
    holds.decide(actor=process_engineer, hold=hold, decision=release)
    assert open_ones(floor, "expose") == set()
    assert look(coated_at, 60) == 0
    with pytest.raises(Refusal, match="hold_closed"):
        holds.decide(actor=process_engineer, hold=hold, decision=release)


def test_a_hold_ends_in_rework_or_scrap(
    floor: Floor, coated_at: datetime, process_engineer: User
) -> None:
    again = Decision("rework", "too late", floor.operation("coat"))
    holds.decide(actor=process_engineer, hold=held(floor, coated_at), decision=again)
    assert Rework.objects.get().reason == "too late"
    assert open_ones(floor, "coat") == set()
    passed(floor, "coat")
    hold = held(floor, coated_at)
    with pytest.raises(Refusal, match="rework_maximum"):
        holds.decide(actor=process_engineer, hold=hold, decision=again)
    hold.refresh_from_db()
    assert hold.closed_at is None
    holds.decide(actor=process_engineer, hold=hold, decision=Decision("scrap", "too often"))
    assert ScrappedWafer.objects.count() == 2


def test_a_quality_hold_takes_two_people(
    floor: Floor, technician: User, process_engineer: User, administrator: User
) -> None:
    hold = holds.place(actor=technician, lot=floor.lot, slots=[3], reason="scratch")
    assert open_ones(floor, "coat", (3,)) == {"not_on_hold"}
    with pytest.raises(Refusal, match="nothing_proposed"):
        holds.confirm(actor=administrator, hold=hold)
    holds.decide(
        actor=process_engineer, hold=hold, decision=Decision("release", "only on the edge")
    )
    assert open_ones(floor, "coat", (3,)) == {"not_on_hold"}
    with pytest.raises(Refusal, match="second_person"):
        holds.confirm(actor=process_engineer, hold=hold)
    with pytest.raises(IntegrityError, match="takes_two"), transaction.atomic():
        LotHold.objects.filter(pk=hold.pk).update(
            disposition="release", closed_by=process_engineer, closed_at=timezone.now()
        )
    closed = holds.confirm(actor=administrator, hold=hold)
    assert (closed.disposition, closed.closed_by) == ("release", administrator)
    assert open_ones(floor, "coat", (3,)) == set()
    with pytest.raises(Exception, match="Cannot"), transaction.atomic():
        LotHold.objects.filter(pk=hold.pk).update(note="changed")


def test_the_countdown_stands_wherever_a_person_looks_at_the_lot(
    floor: Floor, coated_at: datetime, sign_in: Callable[[User], Client], technician: User
) -> None:
    run = floor.start("coat", (3,))
    now = timezone.now()
    look(now, 0)
    client, english = sign_in(technician), {"accept-language": "en"}
    start = f"/runs/start/?booking={floor.bookings['scanner'].pk}&operation=2"
    shown = (f"/runs/{run.pk}/", f"/runs/{run.pk}/live/", f"/floor/runs/{run.pk}/",
             "/bays/litho/", "/bays/litho/tiles/", "/floor/", "/floor/?area=litho",
             start)  # fmt: skip
    for left_s, warned, word in (
        (1700, False, "min left"),
        (400, True, "start soon"),
        (-1, True, "over"),
    ):
        leave(now, left_s, warned=warned)
        for address in shown if left_s < 0 else shown[1:2]:
            text = client.get(address, headers=english).content.decode()
            assert word in text[text.index("Queue times") :], (address, word)
    for address in ("/bays/metrology/", "/floor/?area=metrology"):
        assert "Queue times" not in client.get(address, headers=english).content.decode()


def test_open_pages_hear_of_a_queue_time_that_runs_out(floor: Floor, coated_at: datetime) -> None:
    run = floor.start("coat", (3,))
    topics = [Topic(run_id=run.pk), Topic(area="litho"), Topic(area="metrology")]

    def stamps(left_s: float) -> list[str]:
        due = leave(timezone.now(), left_s, warned=False)
        # What moves with the clock itself is not what is looked for here.
        seen = news.look(topics)
        return [seen[topic].stamp.replace(repr(due), "") for topic in topics]

    look(coated_at, 1)
    far, near, over = stamps(1230), stamps(1150), stamps(-1)
    by_topic = list(zip(far, near, over, strict=True))
    assert [len(set(one)) for one in by_topic] == [3, 3, 1]
    assert stamps(1231) == stamps(1229)
    assert stamps(425) != stamps(415)


def test_page_and_api_show_the_countdown_and_decide(
    floor: Floor, coated_at: datetime, sign_in: Callable[[User], Client],
    api: Callable[[User], APIClient], process_engineer: User, alice: User, charlie: User,
) -> None:  # fmt: skip
    lot = floor.lot.code
    look(coated_at, 1)
    english = {"accept-language": "en"}
    for address in ("/runs/", f"/lots/{lot}/way/"):
        assert "Queue times" in sign_in(alice).get(address, headers=english).content.decode()
    assert "Queue times" not in sign_in(charlie).get("/runs/", headers=english).content.decode()
    seen = api(alice).get(f"/api/v1/lots/{lot}/queue-times/").json()
    assert [one["slots"] for one in seen] == [[1, 2]]
    hold = held(floor, coated_at)
    assert "on hold" in sign_in(alice).get(f"/lots/{lot}/way/", headers=english).content.decode()
    assert api(charlie).get(f"/api/v1/lots/{lot}/holds/").status_code == 404
    form = {"choice": "release", "note": "still good"}
    client = sign_in(process_engineer)
    assert client.post(f"/lot-holds/{hold.pk}/decide/", form).status_code == 302
    [row] = api(alice).get(f"/api/v1/lots/{lot}/holds/").json()
    assert row["disposition"] == "release"
    assert client.post(f"/lots/{lot}/hold/", {"slot": [4], "reason": "edge"}).status_code == 302
    newest = LotHold.objects.first()
    assert newest is not None
    decide = f"/api/v1/lot-holds/{newest.pk}/decide/"
    assert (
        api(process_engineer).post(decide, {**form, "choice": "rework"}, format="json").status_code
        == 404
    )
    assert api(process_engineer).post(decide, form, format="json").json()["choice"] == "release"
    again = api(process_engineer).post(f"/api/v1/lot-holds/{newest.pk}/confirm/")
    assert again.json()["code"] == "second_person"


def test_an_operation_without_a_limit_has_no_clock(floor: Floor) -> None:
    Operation.objects.update(within_minutes=None)
    passed(floor, "coat")
    assert (look(timezone.now(), 9_999), QueueClock.objects.count()) == (0, 0)
