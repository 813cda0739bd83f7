"""What else may die while a wafer is exposed: the store, the database's sessions, the tool.

The worker is real and waits at a boundary of the exposure until the blow has fallen. Here the
session's PostgreSQL serves other tests too, so it only ends this database's sessions and refuses
new ones; the nightly part stops a PostgreSQL of its own in immediate mode.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from celery import Celery
from django.conf import settings
from psycopg import sql

from testbed.ops import embedded
from testbed.runs import doorbell
from tests.crash.conftest import environment
from tests.crash.house import House, judge
from tests.crash.schedules import at_point, drawn, kill_server
from tests.runs.floor import ROOT, Floor

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@dataclass(frozen=True)
class SharedServers:
    """A Valkey of our own; the session's PostgreSQL, of which we may only cut this database off."""

    data: Path
    database: str

    def break_postgres(self, seconds: float) -> None:
        host = settings.DATABASES["default"]
        with psycopg.connect(
            host=host["HOST"], port=host["PORT"], user=host["USER"], password=host["PASSWORD"],
            dbname="postgres", autocommit=True,
        ) as admin:  # fmt: skip
            allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            name = sql.Identifier(self.database)
            admin.execute(allow.format(name, sql.SQL("false")))
            try:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [self.database],
                )
                time.sleep(seconds)
            finally:
                admin.execute(allow.format(name, sql.SQL("true")))

    def break_valkey(self, seconds: float) -> None:
        kill_server(self.data, "valkey")
        time.sleep(seconds)
        embedded.ensure_valkey(self.data, durable=False)


@pytest.fixture
def house(crash_floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """One worker beside this process, which plays beat; both ring through the Valkey of ours."""
    assert crash_floor.fab is not None
    variables = environment()
    url = embedded.ensure_valkey(tmp_path, durable=False)
    bell = Celery(broker=url)
    bell.conf.broker_transport_options = {"socket_connect_timeout": 2}
    monkeypatch.setattr(doorbell, "app", bell)
    servers = SharedServers(tmp_path, variables["DATABASE_URL"].rpartition("/")[2])
    built = House(tmp_path, crash_floor.fab, servers, variables | {"VALKEY_URL": url}, by_hand=True)
    try:
        yield built
    finally:
        built.close()
        embedded.stop_valkey(tmp_path)


@pytest.mark.parametrize(
    ("point", "victim"),
    [
        ("begun", "postgres"),
        ("sent", "valkey"),
        pytest.param("finished", "frozen_tool", marks=pytest.mark.nightly),
    ],
)
def test_whatever_dies_at_a_boundary_nothing_is_exposed_twice_and_nothing_lost(
    point: str, victim: str, house: House, crash_floor: Floor
) -> None:
    house.fab.control.rescale(100)
    story = house.begin(crash_floor)
    at_point(point, victim)(house, crash_floor, story)
    judge(story, house.fab)
    assert story.blows == [victim]


def play(folder: Path, *arguments: str) -> None:
    """Play schedules in a process of their own; what they say is in the folder as they say it."""
    command = [sys.executable, "-m", "tests.crash.schedules", *arguments]
    told = folder / "told.log"
    with told.open("wb") as out:
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=out, check=False)
    assert done.returncode == 0, told.read_text()


# Each plays in a house of its own, and two cores carry two houses beside the other tests.
HOUSES = [pytest.mark.nightly, pytest.mark.xdist_group("a house")], [
    pytest.mark.nightly, pytest.mark.xdist_group("another house"),
]  # fmt: skip


@pytest.mark.parametrize("half", [pytest.param(n, marks=HOUSES[n]) for n in (0, 1)])
def test_every_boundary_with_every_victim(half: int, tmp_path: Path) -> None:
    play(tmp_path, "--matrix", str(half))


@pytest.mark.parametrize(
    "first", [pytest.param(n, marks=HOUSES[n // 25 % 2]) for n in range(0, 200, 25)]
)
def test_random_schedules(first: int, tmp_path: Path) -> None:
    play(tmp_path, "--seeds", str(first), "25")


def test_schedules_are_the_same_for_the_same_seed() -> None:
    assert drawn(random.Random(7)) == drawn(random.Random(7))
    assert len({tuple(drawn(random.Random(seed))) for seed in range(50)}) > 40
