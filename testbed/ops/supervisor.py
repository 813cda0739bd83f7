"""Starts the Procfile's processes, notices when one dies, and stops them all.

Nothing is restarted: a process that dies is a fault to be seen, and its last words are
shown. Each process leads a process group of its own, so that Ctrl-C on the terminal reaches
the supervisor alone and a stop reaches everything the process started.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import string
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from testbed.ops.embedded import REPOSITORY, write_json
from testbed.ops.processes import Process, born, send, wait_gone
from testbed.ops.trouble import Trouble, from_os_error

GRACE_S = 12.0
LAST_LINES = 12


@dataclass(frozen=True)
class Line:
    """One line of the Procfile."""

    name: str
    command: str

    def arguments(self, variables: Mapping[str, str]) -> list[str]:
        """The command's words with $VARIABLES filled in; KeyError when one is unknown."""
        return [string.Template(word).substitute(variables) for word in shlex.split(self.command)]


def read_procfile(path: Path) -> list[Line]:
    """The processes that a Procfile names, in its order."""
    lines = []
    for text in path.read_text().splitlines():
        name, colon, command = text.partition(":")
        if colon and not text.startswith("#"):
            lines.append(Line(name.strip(), command.strip()))
    return lines


@dataclass
class Supervisor:
    """The children of one `make up`, noted in <data>/children.json while they live."""

    data: Path
    environment: dict[str, str]
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    known: dict[str, Process] = field(default_factory=dict)

    @property
    def note(self) -> Path:
        return self.data / "children.json"

    def log(self, name: str) -> Path:
        return self.data / "log" / f"{name}.log"

    def start(self, line: Line, *, on_terminal: bool = False) -> None:
        """Start one process. Raises Trouble.

        Its output goes to <data>/log/<name>.log, or to our own when on_terminal.
        """
        log = self.log(line.name)
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output:
                child = subprocess.Popen(
                    line.arguments(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=None if on_terminal else output,
                    stderr=None if on_terminal else subprocess.STDOUT,
                    cwd=REPOSITORY,
                    env=self.environment,
                    start_new_session=True,
                )
        except OSError as error:
            raise from_os_error(error, str(error.filename or log)) from error
        self.children[line.name] = child
        self.known[line.name] = Process(child.pid, born(child.pid) or "")
        self._write()

    def dead(self) -> str | None:
        """The name of a process that has ended though nobody stopped it."""
        for name, child in self.children.items():
            if child.poll() is not None:
                return name
        return None

    def check(self) -> None:
        """Raise Trouble, with the last lines it wrote, when a process has died."""
        name = self.dead()
        if name is None:
            return
        log = self.log(name)
        code = self.children[name].returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        tail = "".join(f"\n  | {line}" for line in last_lines(log))
        raise Trouble(
            f"The process '{name}' ended ({how}); everything is being stopped. Its log: {log}"
            f"{tail}",
            f"'{name}' 프로세스가 종료되어({how}) 전체를 중지합니다.",
        )

    def finish(self, name: str, seconds: float) -> int:
        """Wait for one process that is meant to end, watching the others; its exit code."""
        child = self.children.pop(name)
        deadline = time.monotonic() + seconds
        try:
            while (code := child.poll()) is None:
                self.check()
                if time.monotonic() > deadline:
                    raise Trouble(
                        f"'{name}' did not finish within {seconds:.0f} s.",
                        f"'{name}' 단계가 {seconds:.0f}초 안에 끝나지 않았습니다.",
                    )
                time.sleep(0.05)
        finally:
            if child.poll() is None:
                stop_groups([self.known[name]])
                child.wait()
            self.known.pop(name)
            self._write()
        return code

    def stop(self) -> list[str]:
        """Stop every child and what it started; the names of those that had to be killed."""
        killed = stop_groups(self.known.values())
        for child in self.children.values():
            child.wait()
        names = [name for name, process in self.known.items() if process in killed]
        self.children.clear()
        self.known.clear()
        self.note.unlink(missing_ok=True)
        return names

    def clear_leftovers(self) -> list[str]:
        """Stop what an earlier, killed run left running; the names of what was stopped."""
        try:
            noted = json.loads(self.note.read_text())
        except (OSError, json.JSONDecodeError):
            return []
        left = {name: Process(*pair) for name, pair in noted.items()}
        living = {name: process for name, process in left.items() if process.alive}
        stop_groups(living.values())
        self.note.unlink(missing_ok=True)
        return list(living)

    def _write(self) -> None:
        noted = {name: [process.pid, process.born] for name, process in self.known.items()}
        write_json(self.note, noted)


def stop_groups(processes: Iterable[Process]) -> list[Process]:
    """Ask process groups to end, then kill what has not ended in time; returns the killed."""
    asked = list(processes)
    for process in asked:
        send(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    killed = []
    for process in asked:
        if not wait_gone(process, max(0.0, deadline - time.monotonic())):
            killed.append(process)
        # The leader is gone or deaf; its number stays reserved while its group has members.
        _kill_group(process.pid)
    return killed


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def last_lines(log: Path) -> list[str]:
    """The last lines of a log, for a person who has to see why a process died."""
    try:
        return log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    except OSError:
        return []
