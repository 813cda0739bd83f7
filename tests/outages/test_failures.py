"""A supply that is down right now: reported, shown, taken back, and told apart from a closure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.outages import failures
from testbed.outages.models import Outage, OutageOccurrence, SupplyFailure, Utility
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool


@pytest.fixture
def water(track: Tool) -> Utility:
    supply = Utility.objects.create(code="di", name_ko="초순수", name_en="DI water", settle_s=60)
    supply.tools.set([track])
    return supply


def test_down_once_and_back_once(water: Utility, technician: User) -> None:
    failures.report(actor=technician, utility=water, reason=" pump ")
    with pytest.raises(Refusal, match="already_down"):
        failures.report(actor=technician, utility=water)
    assert SupplyFailure.objects.get().reason == "pump"
    failures.end(actor=technician, utility=water)
    with pytest.raises(Refusal, match="not_down"):
        failures.end(actor=technician, utility=water)


def test_the_database_knows_one_open_failure(water: Utility, technician: User) -> None:
    failures.report(actor=technician, utility=water)
    with pytest.raises(IntegrityError), transaction.atomic():
        SupplyFailure.objects.create(utility=water, began_at=timezone.now(), reported_by=technician)


def test_a_closure_of_the_supply_counts_while_it_runs_and_settles_after(
    water: Utility, track: Tool, administrator: User
) -> None:
    now = timezone.now()
    times = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(hours=1)}
    outage = Outage.objects.create(
        kind="outage", scope="utility", utility=water, reason_ko="점검", reason_en="Check",
        created_by=administrator, **times,
    )  # fmt: skip
    outage.tools.set([track])
    OutageOccurrence.objects.create(outage=outage, **times)

    def ready(later: timedelta) -> list[object]:
        return [one.ready_at for one in failures.troubles([track], now + later)]

    end = times["ends_at"]
    assert ready(timedelta()) == [None]
    assert ready(timedelta(hours=1, seconds=30)) == [end + timedelta(seconds=60)]
    assert ready(timedelta(hours=1, seconds=61)) == []
    assert ready(timedelta(hours=-2)) == []


def test_the_page_and_the_api_report_it(
    water: Utility,
    sign_in: Callable[[User], Client],
    api: Callable[[User], APIClient],
    technician: User,
    alice: User,
) -> None:
    client = sign_in(technician)
    assert client.post("/utilities/di/down/", {"reason": "pump"}).status_code == 302
    page = client.get("/utilities/", headers={"accept-language": "en"}).content.decode()
    assert "It is back" in page
    assert "It is down…" not in page
    assert "It is back" not in sign_in(alice).get("/utilities/").content.decode()
    assert sign_in(alice).post("/utilities/di/back/").status_code == 403
    assert api(alice).get("/api/v1/utilities/di/").json()["is_down"] is True
    assert api(alice).post("/api/v1/utilities/di/back/").status_code == 403
    assert api(technician).post("/api/v1/utilities/di/back/").json()["is_down"] is False
    long = {"reason": "x" * 121}
    assert (
        api(technician).post("/api/v1/utilities/di/down/", long, format="json").status_code == 400
    )
    assert api(technician).post("/api/v1/utilities/no/down/").status_code == 404
