"""What any tool measured, from the program's own answer to the page of the run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from instruments.catalogue import TOOLS
from instruments.jobs import Done, ReadingValue, SiteValue
from testbed.people.models import User
from testbed.results.measured import quantities, slots
from testbed.results.point_map import point_map
from testbed.results.quantity_names import quantity_name
from testbed.runs import store
from testbed.runs.models import Run
from tests.results.conftest import Measured, ended_run

SignIn = Callable[[User], Client]
KOREAN = {"HTTP_ACCEPT_LANGUAGE": "ko"}


def overlay_rows() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Nine fields, four marks each, 2 nm to the right; one mark without contrast."""
    rows = [
        [c, r, (c - 5) * 26 + x, (r - 3) * 33 + y, x, y, 2.0, 0.0, 0.1, 0.0, 0.9]
        for c in (4, 5, 6) for r in (2, 3, 4) for x in (-11.5, 11.5) for y in (-15.0, 15.0)
    ]  # fmt: skip
    rows[0][10] = 0.1
    return np.array(rows)


def overlay() -> Done:
    """What the overlay program makes of that table."""
    program: Any = TOOLS["overlay"].program
    done: Done = program.found(None, overlay_rows(), "J1")
    return done


@pytest.fixture
def run(measured: Measured) -> Run:
    """A run whose first wafer was measured for overlay, its second for particles."""
    found = ended_run(measured.floor, measured.traveler, "measure", (1, 2))
    first, second = found.steps.order_by("seq")
    store.keep(first, overlay())
    defects = tuple(
        SiteValue("particle_size", 50.0 + k, "nm", k, 0, 3.0 * k, 1.5, "GOOD") for k in range(1, 6)
    )
    store.keep(second, Done((ReadingValue("particles", 5.0, ""),), defects))
    return found


def test_what_was_measured_is_told_in_numbers(run: Run) -> None:
    assert slots(run) == [1, 2]
    found = {one.key: one for one in quantities(run, 1)}
    assert sorted(found) == sorted(f"overlay_{axis}_{k}" for axis in "xy" for k in (1, 2, 3, 4))
    one = found["overlay_x_1"]
    assert (len(one.places), one.unresolved) == (9, 1)
    assert (one.mean, one.three_sigma) == (2.0, 0.0)
    (sizes,) = quantities(run, 2)
    assert (sizes.low, sizes.high, sizes.mean) == (51.0, 55.0, 53.0)


def test_the_page_of_either_wafer(run: Run, alice: User, charlie: User, sign_in: SignIn) -> None:
    address = reverse("run_measured", args=[run.pk])
    page = sign_in(alice).get(address, **KOREAN).content.decode()
    for words in ("x 방향 이동", "2 nm", "x 방향 오버레이, 마크 1", "<circle"):
        assert words in page
    other = sign_in(alice).get(address + "?wafer=2&key=particle_size", **KOREAN).content.decode()
    assert "파티클 크기 (nm)" in other
    assert "x 방향 이동" not in other
    for query in ("?wafer=9", "?wafer=x", "?key=nothing", "?wafer=%00"):
        assert sign_in(alice).get(address + query).status_code == 404
    assert sign_in(charlie).get(address).status_code == 404


def test_a_run_that_measured_nothing_says_so(
    measured: Measured, alice: User, sign_in: SignIn
) -> None:
    bare = ended_run(measured.floor, measured.traveler, "coat", (1,))
    page = sign_in(alice).get(reverse("run_measured", args=[bare.pk]), **KOREAN).content.decode()
    assert "아직 측정값이 없습니다" in page


def test_every_place_is_one_dot_and_what_failed_is_hollow() -> None:
    drawn = point_map(
        [(0.0, 0.0, 1.0), (10.0, 5.0, 2.0), (20.0, 5.0, None)],
        unit="nm", key="k", title="T", description="D",
    )  # fmt: skip
    assert drawn.count("<circle") == 4
    assert drawn.count("map-empty") == 1
    assert 'cy="-5"' in drawn
    assert "2 nm" in drawn
    same = point_map([(0.0, 0.0, 3.0)], unit="", key="k", title="T", description="D")
    assert same.count("<circle") == 2
    assert "NaN" not in point_map([], unit="", key="k", title="T", description="D")


def test_names() -> None:
    assert quantity_name("particles_from_60_nm") != "particles_from_60_nm"
    assert quantity_name("nobody_named_this") == "nobody_named_this"


def test_every_key_of_the_measuring_programs_has_a_name() -> None:
    film: Any = TOOLS["film"].program
    keys = {one.key for one in overlay().readings} | {one.key for one in overlay().sites}
    keys |= {one.key for one in film.found(None, np.empty((0, 6)), "J1").readings}
    assert [key for key in keys if quantity_name(key) == key] == []
    assert all(math.isfinite(one.value) for one in overlay().readings)
