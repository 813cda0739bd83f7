"""The demo's modules can be ordered with the demo's tools and rules, and loading twice is once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from testbed.ops.demo import experiment, floor, people, recipes, services
from testbed.process.models import Route
from testbed.runs.models import Split
from testbed.runs.way import way_of
from testbed.services.models import Module
from testbed.services.order import find_offers
from testbed.tools.models import Capability

pytestmark = pytest.mark.django_db


def test_each_demo_module_has_an_offer_and_the_experiment_its_values_by_wafer() -> None:
    cast = people.load()
    floor.load()
    recipes.load(author=cast["author@testbed.example"], signer=cast["process@testbed.example"])
    for _twice in range(2):
        services.load()
    assert Module.objects.count() == 3
    assert all(able.tools.exists() for able in Capability.objects.all())
    start = timezone.now()
    for module in Module.objects.all():
        found = find_offers(
            actor=cast["alice@gaon.example"], module=module, wafers=module.wafers_max,
            start=start, end=start + timedelta(days=14), limit=1,
        )  # fmt: skip
        assert found.offers, (module.code, found.found.nothing_because)
    by_name = {user.email.partition("@")[0]: user for user in cast.values()}
    for _twice in range(2):
        experiment.load(people=by_name)
    split = Split.objects.get()
    assert set(split.table) == {"1", "2", "4", "5"}
    route = Route.objects.get(code="litho-dose")
    way = way_of(split.booking.lot, route.pk)
    assert [len(way.planned(one)) for one in way.operations] == [0, 6, 6, 6, 6]
    sampled = way_of(split.booking.lot, Route.objects.get(code="oxide-sampled").pk)
    assert [len(sampled.planned(one)) for one in sampled.operations] == [6, 2]
