"""The supervisor with real children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.ops.processes import Process, identify, wait_gone
from testbed.ops.supervisor import Line, Supervisor, read_procfile, stop_groups
from testbed.ops.trouble import Trouble

# A child with a child of its own, whose number it writes down.
FAMILY = "sh -c 'sleep 300 & echo $$! > {note}; wait'"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, dict(os.environ))
    yield made
    made.stop()


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 10
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text().strip()


def living(pid: int) -> Process:
    found = identify(pid)
    assert found is not None
    return found


def test_a_procfile_is_read(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_text("# what runs\nweb: $PYTHON -m site --port $PORT\n\nbeat: beat\n")

    lines = read_procfile(path)
    assert [line.name for line in lines] == ["web", "beat"]
    words = lines[0].arguments({"PYTHON": "/opt/a b/python", "PORT": "8000"})
    assert words == ["/opt/a b/python", "-m", "site", "--port", "8000"]


def test_a_stop_reaches_grandchildren(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    supervisor.start(Line("family", FAMILY.format(note=note)))
    grandchild = living(int(wait_for(note)))

    assert supervisor.stop() == []
    assert wait_gone(grandchild, 5)
    assert not supervisor.note.exists()


def test_a_stop_touches_nobody_else(supervisor: Supervisor) -> None:
    with subprocess.Popen(["sleep", "300"]) as neighbour:
        supervisor.start(Line("ours", "sleep 300"))
        supervisor.stop()
        assert neighbour.poll() is None
        neighbour.kill()


def test_a_deaf_child_is_killed_and_named(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testbed.ops.supervisor.GRACE_S", 0.3)
    note = tmp_path / "ready"
    supervisor.start(Line("deaf", f"sh -c 'trap \"\" TERM; echo up > {note}; sleep 300'"))
    wait_for(note)

    assert supervisor.stop() == ["deaf"]


def test_a_dead_child_is_a_sentence_with_its_last_words(supervisor: Supervisor) -> None:
    supervisor.start(Line("steady", "sleep 300"))
    supervisor.start(Line("frail", "sh -c 'echo the wire is cut; exit 3'"))
    supervisor.children["frail"].wait()

    with pytest.raises(Trouble, match=r"'frail' ended \(exit code 3\)") as caught:
        supervisor.check()
    assert "the wire is cut" in caught.value.en


def test_a_killed_child_is_noticed(supervisor: Supervisor) -> None:
    supervisor.start(Line("victim", "sleep 300"))
    supervisor.check()
    os.kill(supervisor.known["victim"].pid, signal.SIGKILL)
    supervisor.children["victim"].wait()

    with pytest.raises(Trouble, match=r"'victim' ended \(signal 9\)"):
        supervisor.check()


def test_a_step_ends_with_its_exit_code(supervisor: Supervisor) -> None:
    supervisor.start(Line("step", "sh -c 'exit 4'"))

    assert supervisor.finish("step", 10) == 4
    assert supervisor.known == {}


def test_a_step_that_hangs_is_stopped(supervisor: Supervisor) -> None:
    supervisor.start(Line("step", "sleep 300"))
    child = supervisor.known["step"]

    with pytest.raises(Trouble, match="did not finish within 0 s"):
        supervisor.finish("step", 0.1)
    assert not child.alive


def test_a_death_is_noticed_while_waiting_for_a_step(supervisor: Supervisor) -> None:
    supervisor.start(Line("frail", "false"))
    supervisor.start(Line("step", "sleep 300"))

    with pytest.raises(Trouble, match="'frail' ended"):
        supervisor.finish("step", 30)


def test_leftovers_of_a_killed_run_are_stopped(tmp_path: Path) -> None:
    earlier = Supervisor(tmp_path, dict(os.environ))
    earlier.start(Line("web", "sleep 300"))
    left = earlier.known["web"]

    later = Supervisor(tmp_path, dict(os.environ))
    assert later.clear_leftovers() == ["web"]
    assert not left.alive
    assert later.clear_leftovers() == []
    earlier.children["web"].wait()


def test_a_number_that_now_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as neighbour:
        note = {"web": [neighbour.pid, "born at another time"]}
        (tmp_path / "children.json").write_text(json.dumps(note))

        assert Supervisor(tmp_path, {}).clear_leftovers() == []
        assert neighbour.poll() is None
        neighbour.kill()


def test_a_program_that_is_not_there_is_a_sentence(supervisor: Supervisor) -> None:
    with pytest.raises(Trouble, match="no-such-program"):
        supervisor.start(Line("ghost", "no-such-program --port 1"))


def test_a_zombie_counts_as_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        process = Process(child.pid, (identify(child.pid) or Process(0, "")).born)
        assert wait_gone(process, 10)
        assert stop_groups([process]) == []
