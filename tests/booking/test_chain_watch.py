"""A step that moves may break its chain: its people hear, the page says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from testbed.booking.bundles import steps_in
from testbed.booking.chain_watch import broken_limits
from testbed.booking.change import change
from testbed.booking.models import Booking, BookingState, Bundle
from testbed.booking.place import Answers, target_of
from testbed.booking.route_place import Chosen, place_route
from testbed.booking.share import share
from testbed.booking.target import Target
from testbed.notices.models import Notice
from testbed.outages.announce import announce
from testbed.outages.models import Fate
from testbed.outages.plan import look
from testbed.outages.rebook import Chosen as Fated
from testbed.people.models import Company, Role, User
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow
from tests.conftest import make_user
from tests.outages.conftest import terms

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(alice: User, cell_target: Target, sem_target: Target) -> Bundle:
    """Two hours on the cell from 8, then an hour of CD-SEM at 11, within four hours of 10."""
    setting("needs_approval", required=False)
    steps = [
        Chosen(cell_target, tomorrow(8), tomorrow(10)),
        Chosen(sem_target, tomorrow(11), tomorrow(12), within_minutes=240),
    ]
    return place_route(actor=alice, steps=steps, answers=Answers())


def move(actor: User, booking: Booking, hour: int) -> None:
    length = booking.ends_at - booking.starts_at
    change(
        actor=actor, booking=booking, target=target_of(booking), starts_at=tomorrow(hour),
        ends_at=tomorrow(hour) + length,
    )  # fmt: skip


def told(user: User) -> list[Notice]:
    return list(Notice.objects.filter(reader=user, kind="chain_broken"))


class TestAChange:
    def test_inside_the_limits_nobody_is_bothered(self, alice: User, chain: Bundle) -> None:
        move(alice, steps_in(chain)[1], 14)
        assert broken_limits(steps_in(chain)) == []
        assert told(alice) == []

    def test_too_late(self, alice: User, company_a: Company, charlie: User, chain: Bundle) -> None:
        second = steps_in(chain)[1]
        dora = make_user("dora@gaon.example", Role.ENGINEER, company_a)
        share(actor=alice, booking=second, colleague=dora)
        move(alice, second, 15)
        [broken] = broken_limits(steps_in(chain))
        assert (broken.step, broken.earliest, broken.latest) == (second, tomorrow(10), tomorrow(14))
        for person in (alice, dora):
            [notice] = told(person)
            assert notice.path == f"/bundles/{chain.pk}/"
            assert "14:00" in str(notice.texts)
        assert told(charlie) == []

    def test_the_step_before_moves_away(self, alice: User, chain: Bundle) -> None:
        first, second = steps_in(chain)
        move(alice, first, 3)
        [late] = broken_limits(steps_in(chain))
        assert (late.step, late.latest) == (second, tomorrow(9))
        move(alice, first, 10)
        [early] = broken_limits(steps_in(chain))
        assert (early.step, early.earliest) == (second, tomorrow(12))
        assert len(told(alice)) == 2

    def test_a_weekly_series_has_no_limits(
        self, alice: User, booked: Callable[..., Booking]
    ) -> None:
        setting("needs_approval", required=False)
        move(alice, booked(alice, 10), 16)
        assert told(alice) == []


@pytest.mark.parametrize("fate", [Fate.MOVED, Fate.OFFERED])
def test_a_closure(
    fate: Fate, administrator: User, alice: User, chain: Bundle, cd_sem: Tool,
    sign_in: Callable[[User], Client],
) -> None:  # fmt: skip
    second, asked = steps_in(chain)[1], terms(cd_sem, start=11, hours=6)
    assert [one.booking for one in look(actor=administrator, terms=asked).affected] == [second]
    to = tomorrow(17) if fate == Fate.MOVED else None
    announce(actor=administrator, terms=asked, fates={second.pk: Fated(fate, to)})
    second.refresh_from_db()
    assert (second.state == BookingState.DISPLACED) == (fate == Fate.OFFERED)
    assert len(told(alice)) == 1
    page = sign_in(alice).get(f"/bundles/{chain.pk}/")
    [broken] = page.context["broken_limits"]
    assert broken.step == second
    text = page.content.decode()
    assert str(broken.sentence) in text
    assert str(broken.next_step) in text
    assert f'href="/bookings/{second.pk}/change/"' in text
    if fate == Fate.MOVED:
        assert broken.latest == tomorrow(10) + timedelta(hours=4)
