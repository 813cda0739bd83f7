"""`make up`: everything on one machine, from servers to a carried sample job.

Runs without Django: settings are read by the processes it starts, once the servers' URLs
are known. Ctrl-C (or a polite kill) stops what this run started, and nothing else.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn, TextIO

from testbed.ops import embedded, fab
from testbed.ops.embedded import REPOSITORY
from testbed.ops.processes import port_is_free
from testbed.ops.supervisor import Line, Supervisor, last_lines, read_procfile
from testbed.ops.trouble import Trouble, from_os_error

KEEPER = "up"
PREPARE_S = 120.0
READY_S = 60.0
SAMPLE_S = 300.0
FAB_SCALE = "60"
LIST = "bays"
TOOL_QUEUE = "-Q tool."
SAMPLE_BAYS = frozenset({"litho", "metrology"})


@dataclass(frozen=True)
class Plan:
    """What a run starts: the first line of the Procfile, the preparations (name, title,
    command) one after the other, the other lines, then the sample job."""

    procfile: Path = REPOSITORY / "Procfile"
    preparations: tuple[tuple[str, str, str], ...] = (
        ("migrate", "데이터베이스 구조 · Database schema", "$PYTHON manage.py migrate --no-input"),
        ("load_demo", "데모 시설 · Demo facility", "$PYTHON manage.py load_demo"),
    )
    sample: str = "$PYTHON -m testbed.ops.carry $ADDRESS"
    workers: str = "$PYTHON manage.py run_workers --list"
    """Says, as lines of a Procfile, which tool workers the bays of TESTBED_BAYS need."""


class Stopped(BaseException):
    """Somebody asked us to stop."""


def main(arguments: list[str], plan: Plan = Plan()) -> int:
    """Run until stopped; with --once until the sample job ends. 0, or 1 with a sentence."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop_asked)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show Korean gets question marks, not a traceback.
            stream.reconfigure(errors="replace")
    try:
        return Up(embedded.data_folder(), plan, once="--once" in arguments).run()
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr, flush=True)
        return 1
    except Stopped:
        return 0


def _stop_asked(number: int, frame: object) -> NoReturn:
    # A second Ctrl-C must not cut the stopping short.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Stopped


class Up:
    """One `make up` of a data folder."""

    def __init__(self, data: Path, plan: Plan, *, once: bool, out: TextIO = sys.stdout) -> None:
        self.data = data
        self.plan = plan
        self.once = once
        self.out = out
        self.port = _port()
        named = (name.strip() for name in os.environ.get("TESTBED_BAYS", "").split(","))
        self.bays = frozenset(name for name in named if name)
        self.host = os.environ.get("TESTBED_HOST") or "127.0.0.1"
        self.supervisor = Supervisor(data, dict(os.environ))

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def run(self) -> int:
        """Start, carry the sample job, serve, stop; the exit code."""
        with only_run(self.data):
            try:
                self._start()
                good = self._carry_sample()
                if self.once:
                    return 0 if good else 1
                return self._serve()
            except Stopped:
                self.say("\n중지합니다. · Stopping.")
                return 0
            finally:
                self._stop()

    def say(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One line on the terminal: what is being done, then how long it took."""
        began = time.monotonic()
        print(title, end=" … ", file=self.out, flush=True)
        try:
            yield
        except BaseException:
            self.say("")
            raise
        self.say(f"{time.monotonic() - began:.1f} s")

    def _start(self) -> None:
        self._clear_leftovers()
        if not port_is_free(self.port, self.host):
            raise Trouble(
                f"Port {self.port} of {self.host} is taken by another program. Choose another:"
                f" make up PORT={self.port + 1}",
                f"{self.host}의 {self.port}번 포트를 다른 프로그램이 사용 중입니다. 다른 포트를"
                f" 지정하십시오: make up PORT={self.port + 1}",
            )
        self._servers()
        self._environment()
        first, *others = read_procfile(self.plan.procfile)
        self.supervisor.start(first)
        for name, title, command in self.plan.preparations:
            self._prepare(title, Line(name, command))
        for line in self._of_the_bays(others):
            self.supervisor.start(line)
        with self.step("웹 서버 · Web"):
            self._wait_ready()

    def _clear_leftovers(self) -> None:
        left = self.supervisor.clear_leftovers()
        if left:
            names = ", ".join(left)
            self.say(f"이전 실행에서 남은 프로세스를 종료했습니다: {names}")
            self.say(f"Stopped what an earlier run had left behind: {names}")

    def _servers(self) -> None:
        variables = self.supervisor.environment
        if not variables.get("DATABASE_URL"):
            with self.step("PostgreSQL"):
                variables["DATABASE_URL"] = embedded.ensure_postgres(self.data, keeper=KEEPER)
        if not variables.get("VALKEY_URL"):
            with self.step("Valkey"):
                variables["VALKEY_URL"] = embedded.ensure_valkey(self.data, keeper=KEEPER)

    def _environment(self) -> None:
        variables = self.supervisor.environment
        scale = variables.setdefault("TESTBED_FAB_SCALE", FAB_SCALE)
        configuration = fab.configure(self.data, scale=float(scale))
        variables |= {
            "PYTHON": sys.executable,
            "PYTHONUNBUFFERED": "1",
            "PORT": str(self.port),
            "ADDRESS": self.address,
            "TESTBED_HOST": self.host,
            "TESTBED_SITE_URL": os.environ.get("TESTBED_SITE_URL") or self.address,
            "TESTBED_DATA": str(self.data),
            "TESTBED_FAB_CONTROL": fab.control_address(configuration),
            "FAB_CONFIG": str(fab.config_path(self.data)),
        }

    def _prepare(self, title: str, line: Line) -> None:
        with self.step(title):
            self.supervisor.start(line)
            if self.supervisor.finish(line.name, PREPARE_S):
                log = self.supervisor.log(line.name)
                tail = "\n  | ".join(last_lines(log)[-3:])
                raise Trouble(
                    f"The step '{line.name}' failed. Its log: {log}\n  | {tail}",
                    f"'{line.name}' 단계가 실패했습니다.",
                )

    def _of_the_bays(self, lines: list[Line]) -> list[Line]:
        """The Procfile's lines; with TESTBED_BAYS the tool workers of these bays and no others."""
        if not self.bays:
            return lines
        bays = ", ".join(sorted(self.bays))
        self._prepare(f"{bays} 구역의 작업자 · Workers of {bays}", Line(LIST, self.plan.workers))
        theirs = read_procfile(self.supervisor.log(LIST))
        return [line for line in lines if TOOL_QUEUE not in line.command] + [
            line for line in theirs if TOOL_QUEUE in line.command
        ]

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            self.supervisor.check()
            reason = _not_ready(f"{self.address}/readyz")
            if reason is None:
                return
            if time.monotonic() > deadline:
                raise Trouble(
                    f"The web did not become ready within {READY_S:.0f} s: {reason}"
                    f" (log: {self.supervisor.log('web')})",
                    f"웹 서버가 {READY_S:.0f}초 안에 준비되지 않았습니다.",
                )
            time.sleep(0.1)

    def _carry_sample(self) -> bool:
        """Carry the sample job in a process of its own; True when its result was right."""
        self.say("")
        if self.bays and not self.bays >= SAMPLE_BAYS:
            self.say("TESTBED_BAYS에 litho와 metrology가 없어 예제 작업을 건너뜁니다.")
            self.say("TESTBED_BAYS lacks litho or metrology: the sample job is left out.")
            return True
        line = Line("sample-job", self.plan.sample)
        self.supervisor.start(line, on_terminal=True)
        return self.supervisor.finish(line.name, SAMPLE_S) == 0

    def _serve(self) -> NoReturn:
        self.say(f"\n주소 · Address: {self.address}")
        # The last preparation loads the demo and says who may sign in.
        for text in last_lines(self.supervisor.log(self.plan.preparations[-1][0])):
            self.say(f"  {text}")
        self.say("중지하려면 Ctrl-C를 누르십시오. · Ctrl-C stops everything.")
        while True:
            self.supervisor.check()
            time.sleep(0.5)

    def _stop(self) -> None:
        killed = self.supervisor.stop()
        if killed:
            self.say(f"강제 종료 · Killed: {', '.join(killed)}")
        if embedded.kept_by(self.data, "valkey") == KEEPER:
            embedded.stop_valkey(self.data)
        if embedded.kept_by(self.data, "postgres") == KEEPER:
            embedded.stop_postgres(self.data)


def _port() -> int:
    """The web's port: PORT, or 8000. Raises Trouble."""
    text = os.environ.get("PORT") or "8000"
    if text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise Trouble(
        f"PORT={text} is not a port number (1 to 65535).",
        f"PORT={text}은(는) 포트 번호(1~65535)가 아닙니다.",
    )


@contextmanager
def only_run(data: Path) -> Iterator[None]:
    """Hold the data folder for this run; Trouble when another run holds it."""
    embedded.make_data_folder(data)
    path = data / "up.lock"
    try:
        file = path.open("a")
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Trouble(
                f"'make up' already runs on {data}. Stop it with Ctrl-C in its terminal, or"
                " start a second facility with TESTBED_DATA=<another folder> PORT=<another port>.",
                f"{data}에서 이미 'make up'이 실행 중입니다. 그 터미널에서 Ctrl-C로 중지하거나,"
                " TESTBED_DATA=<다른 폴더> PORT=<다른 포트>로 따로 시작하십시오.",
            ) from error
        yield


def _not_ready(url: str) -> str | None:
    """Why the web is not ready to serve, or None when it is."""
    try:
        with urllib.request.urlopen(url, timeout=3.0):  # noqa: S310 - our own http address
            return None
    except urllib.error.HTTPError as error:
        return error.read(500).decode(errors="replace").strip()
    except OSError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
