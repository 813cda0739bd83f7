"""One PostgreSQL and one Valkey for a whole test session, in a folder of its own under /tmp.

Loaded with `-p tests.servers`, before Django reads its settings: DATABASE_URL and VALKEY_URL
are set here, so the workers of pytest-xdist inherit them and share the two servers. A URL
that is already set is left alone. Where workers share a PostgreSQL of ours, its tables are made
once, beside the collecting of the tests (see tests.migrated).
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from testbed.ops import embedded
from testbed.ops.processes import Process, identify
from testbed.ops.trouble import Trouble
from tests import migrated

PREFIX = "testbed-tests-"
OWNER = "owner.json"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start what is missing, before pytest-django (itself `tryfirst`) loads the settings."""
    known = early_config.known_args_namespace
    # A test inside one transaction may compute for as long as it likes.
    os.environ.setdefault("TESTBED_IDLE_IN_TRANSACTION_MS", "0")
    parallel = os.environ.get("PYTEST_XDIST_WORKER", "")
    if parallel:
        os.environ["VALKEY_URL"] = own_database(os.environ["VALKEY_URL"], parallel)
    elif not (known.help or known.version):
        try:
            _start_missing(many=bool(getattr(known, "numprocesses", None)))
        except Trouble as trouble:
            pytest.exit(str(trouble), returncode=1)
    yield


def own_database(url: str, parallel: str) -> str:
    """The Valkey database of the xdist worker `parallel` ("gw3"): `url` with another number.

    Tests side by side share tool codes, thus queue names; in one database a bell that one
    test rings would reach the other's worker, which knows no such run.
    """
    number = int(parallel.removeprefix("gw")) + 1
    return urlsplit(url)._replace(path=f"/{number}").geturl()


def _start_missing(*, many: bool) -> None:
    wanted = [name for name in ("DATABASE_URL", "VALKEY_URL") if not os.environ.get(name)]
    if not wanted:
        return
    _clear_leftovers()
    data = Path(tempfile.mkdtemp(prefix=PREFIX))
    # Ours alone, but passable: as root the servers run under a powerless account.
    data.chmod(0o711)
    owner = identify(os.getpid())
    if owner is not None:
        embedded.write_json(data / OWNER, {"pid": owner.pid, "born": owner.born})
    atexit.register(_remove, data, os.getpid())
    # A polite kill runs the clean-up too; xdist's workers never come here.
    signal.signal(signal.SIGTERM, _leave)
    if "DATABASE_URL" in wanted:
        os.environ["DATABASE_URL"] = embedded.ensure_postgres(data, durable=False)
        if many:
            migrated.begin(data)
    if "VALKEY_URL" in wanted:
        os.environ["VALKEY_URL"] = embedded.ensure_valkey(data, durable=False)


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _remove(data: Path, pid: int) -> None:
    """At exit of the process that started the servers, never of a fork of it."""
    if os.getpid() == pid:
        embedded.remove(data)


def _clear_leftovers() -> None:
    """Stop and delete what sessions killed with -9 left behind."""
    for data in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            owner = json.loads((data / OWNER).read_text())
        except (OSError, json.JSONDecodeError):
            continue
        if data.stat().st_uid == os.getuid() and not Process(owner["pid"], owner["born"]).alive:
            embedded.remove(data)
            shutil.rmtree(data, ignore_errors=True)
