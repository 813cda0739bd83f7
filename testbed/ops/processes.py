"""Processes known by number and birth, so that a reused number is never mistaken for ours."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process of this machine: its number, and when the kernel says it was born."""

    pid: int
    born: str

    @property
    def alive(self) -> bool:
        return born(self.pid) == self.born


def born(pid: int) -> str | None:
    """When process `pid` started, in a form only good for comparing; None when it is gone."""
    if sys.platform != "linux":
        return _born_by_ps(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name may hold spaces and brackets: count from the last bracket.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _born_by_ps(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    state, _, started = shown.partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def identify(pid: int) -> Process | None:
    """The process behind a number, or None when nothing lives there."""
    started = born(pid)
    return Process(pid, started) if started else None


def wait_gone(process: Process, seconds: float) -> bool:
    """Wait until the process is gone; False when it still lives after `seconds`."""
    deadline = time.monotonic() + seconds
    while process.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def send(process: Process, number: signal.Signals, *, group: bool = False) -> None:
    """Send a signal to the process (or to its process group), if it is still the same one."""
    if not process.alive:
        return
    try:
        if group and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        return


def free_port(preferred: int = 0) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now: `preferred` when it is free."""
    if preferred and port_is_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host`:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A server of ours that just stopped leaves TIME_WAIT behind, which is no taken port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
