"""`make up` as a process: what it stops, what it leaves alone, what it says."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testbed.ops import embedded
from testbed.ops.processes import Process, free_port, identify, wait_gone

PROCFILE = """\
fab: sleep 300
web: $PYTHON -m tests.ops.fakes web $PORT
worker: sleep 300
"""


@dataclass
class Facility:
    """A data folder, a port, and `up` runs on them."""

    data: Path
    port: int = field(default_factory=free_port)
    runs: list[subprocess.Popen[str]] = field(default_factory=list)

    def up(self, *arguments: str, sample: str = "echo carried") -> subprocess.Popen[str]:
        procfile = self.data / "Procfile"
        procfile.write_text(PROCFILE)
        kept = {key: text for key, text in os.environ.items() if not key.endswith("_URL")}
        run = subprocess.Popen(
            [sys.executable, "-m", "tests.ops.fakes", "up", str(procfile), sample, *arguments],
            env=kept | {"TESTBED_DATA": str(self.data), "PORT": str(self.port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.runs.append(run)
        return run

    def once(self, **options: str) -> tuple[int, str]:
        run = self.up("--once", **options)
        said, _ = run.communicate(timeout=60)
        return run.returncode, said

    def serving(self) -> tuple[subprocess.Popen[str], str]:
        """A run that has carried its sample job and says that it serves, with what it said."""
        run = self.up()
        assert run.stdout is not None
        said = ""
        for line in run.stdout:
            said += line
            if "Ctrl-C" in line:
                return run, said
        raise AssertionError(said)

    def children(self) -> dict[str, Process]:
        noted = json.loads((self.data / "children.json").read_text())
        return {name: Process(*pair) for name, pair in noted.items()}

    def servers(self) -> list[Process]:
        noted = json.loads((self.data / "servers.json").read_text())
        return [Process(entry["pid"], entry["born"]) for entry in noted.values()]


@pytest.fixture
def facility(data: Path) -> Iterator[Facility]:
    made = Facility(data)
    yield made
    for run in made.runs:
        if run.poll() is None:
            run.terminate()
            run.communicate(timeout=60)


def all_gone(processes: list[Process]) -> bool:
    return all(wait_gone(process, 10) for process in processes)


def test_once_carries_the_job_and_stops_everything(facility: Facility) -> None:
    code, said = facility.once()

    assert code == 0, said
    assert "carried" in said
    assert len(facility.servers()) == 2
    assert all_gone(facility.servers())
    assert not (facility.data / "children.json").exists()


def test_once_says_1_when_the_job_went_wrong(facility: Facility) -> None:
    code, said = facility.once(sample="false")

    assert code == 1, said
    assert all_gone(facility.servers())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_stops_what_was_started_and_nothing_else(
    facility: Facility, number: signal.Signals
) -> None:
    with subprocess.Popen(["sleep", "300"]) as neighbour:
        run, said = facility.serving()
        assert f"http://127.0.0.1:{facility.port}" in said
        assert "alice" in said
        children = facility.children()
        assert set(children) == {"fab", "web", "worker"}

        run.send_signal(number)
        rest, _ = run.communicate(timeout=30)

        assert run.returncode == 0, rest
        assert all_gone([*children.values(), *facility.servers()])
        assert neighbour.poll() is None
        neighbour.kill()


def test_servers_that_ran_before_go_on(facility: Facility) -> None:
    embedded.ensure_postgres(facility.data, durable=False)
    embedded.ensure_valkey(facility.data, durable=False)

    assert facility.once()[0] == 0
    assert all(server.alive for server in facility.servers())


def test_the_data_is_kept_for_the_next_run(facility: Facility) -> None:
    assert facility.once()[0] == 0
    ports = json.loads((facility.data / "fab.json").read_text())
    password = (facility.data / "postgres.password").read_text()

    assert facility.once()[0] == 0
    assert json.loads((facility.data / "fab.json").read_text()) == ports
    assert (facility.data / "postgres.password").read_text() == password


def test_a_killed_child_stops_everything_with_a_sentence(facility: Facility) -> None:
    run, _ = facility.serving()
    children = facility.children()
    os.kill(children["worker"].pid, signal.SIGKILL)

    rest, _ = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "The process 'worker' ended (signal 9)" in rest
    assert "Traceback" not in rest
    assert all_gone([*children.values(), *facility.servers()])


def test_what_a_killed_run_left_is_cleared_by_the_next(facility: Facility) -> None:
    run, _ = facility.serving()
    left, servers = facility.children(), facility.servers()
    run.kill()
    run.communicate(timeout=30)
    assert all(process.alive for process in [*left.values(), *servers])

    code, said = facility.once()
    assert code == 0, said
    assert "Stopped what an earlier run had left behind: fab, web, worker" in said
    # The servers were taken over, and stopped at the end of the run that took them.
    assert facility.servers() == servers
    assert all_gone([*left.values(), *servers])


def test_a_second_run_is_told_of_the_first(facility: Facility) -> None:
    run, _ = facility.serving()

    code, said = facility.once()
    assert code == 1
    assert "'make up' already runs" in said
    assert all(child.alive for child in facility.children().values())
    assert run.poll() is None


def test_a_taken_port_is_a_sentence(facility: Facility) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", facility.port))
        squatter.listen()
        code, said = facility.once()

    assert code == 1
    assert f"make up PORT={facility.port + 1}" in said
    assert "Traceback" not in said


def test_a_port_that_is_no_number_is_a_sentence(facility: Facility) -> None:
    facility.port = 99_999
    code, said = facility.once()

    assert (code, "PORT=99999 is not a port number" in said) == (1, True)


def test_an_impatient_second_ctrl_c_does_not_cut_the_stop_short(facility: Facility) -> None:
    run, _ = facility.serving()
    children = facility.children()
    me = identify(run.pid)
    run.send_signal(signal.SIGINT)
    for _ in range(3):
        time.sleep(0.05)
        if me is not None and me.alive:
            run.send_signal(signal.SIGINT)

    run.communicate(timeout=30)
    assert run.returncode == 0
    assert all_gone([*children.values(), *facility.servers()])


def test_a_terminal_without_korean_gets_no_traceback(
    facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii:strict")
    code, said = facility.once()

    assert code == 0, said
    assert "carried" in said
