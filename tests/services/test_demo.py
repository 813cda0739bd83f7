"""The demo's modules can be ordered with the demo's tools and rules, and loading twice is once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from testbed.ops.demo import floor, people, recipes, services
from testbed.services.models import Module
from testbed.services.order import find_offers
from testbed.tools.models import Capability

pytestmark = pytest.mark.django_db


def test_each_demo_module_has_an_offer() -> None:
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
