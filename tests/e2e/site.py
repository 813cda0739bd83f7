"""The real product for a browser: the ASGI app under uvicorn in its own process, on a database
of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from psycopg import sql

from testbed.people.models import User
from tests import migrated

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
BACKEND = "testbed.people.backend.Backend"


@dataclass(frozen=True)
class Site:
    """A running product: where it listens, and the database behind it."""

    url: str
    database: str

    @contextmanager
    def data(self) -> Iterator[None]:
        """Inside, the ORM of this process reads and writes the site's database."""
        with using(self.database):
            yield

    def session_of(self, email: str) -> str:
        """A session key of the person, as a sign-in would give."""
        with self.data():
            client = Client()
            client.force_login(User.objects.get(email=email), backend=BACKEND)
            return client.cookies[settings.SESSION_COOKIE_NAME].value


@contextmanager
def using(database: str) -> Iterator[None]:
    """Point Django's one connection at another database, and back again."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


@contextmanager
def own_database() -> Iterator[str]:
    """A migrated database beside the test database; dropped at the end."""
    name = f"site_{os.getpid()}"
    _administer("CREATE", name, " TEMPLATE migrated" if migrated.template() else "")
    try:
        with using(name):
            call_command("migrate", verbosity=0)
        yield name
    finally:
        connection.close()
        _administer("DROP", name, " WITH (FORCE)")


def _administer(verb: LiteralString, name: str, ending: LiteralString = "") -> None:
    with psycopg.connect(url_of("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL(verb + " DATABASE {}" + ending).format(sql.Identifier(name)))


def url_of(database: str) -> str:
    """The address of a database on the test server."""
    parts = connection.settings_dict
    user = quote(str(parts["USER"]), safe="")
    password = quote(str(parts["PASSWORD"]), safe="")
    return f"postgres://{user}:{password}@{parts['HOST']}:{parts['PORT']}/{database}"


def environment(database: str) -> dict[str, str]:
    """What a process of the site needs to stand on the same database and sessions."""
    return os.environ | {
        "DATABASE_URL": url_of(database),
        "VALKEY_URL": str(settings.VALKEY_URL),
        "TESTBED_SECRET_KEY": str(settings.SECRET_KEY),
        "TESTBED_CACHE_PREFIX": database,
        # Named so that the pages carry their mark of simulated data; nobody answers there.
        "TESTBED_FAB_CONTROL": "127.0.0.1:1",
        "PYTHONWARNINGS": "ignore::Warning",
    }


@contextmanager
def served(database: str, log: Path) -> Iterator[Site]:
    """uvicorn with the real ASGI app on a free port; stopped at the end."""
    port = _free_port()
    command = [
        sys.executable, "-m", "uvicorn", "testbed.asgi:application",
        "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(database), stdout=output, stderr=output
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(process, url, log)
            yield Site(url, database)
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/livez", timeout=5):  # noqa: S310 - our own http
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the site did not start:\n{log.read_text()[-2000:]}")
