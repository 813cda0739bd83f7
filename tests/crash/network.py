"""Worker hosts with a network of their own: namespaces of the kernel stand for hosts (Linux, root).

A host has two cables, as in a real fab: one to PostgreSQL and Valkey, one to the instruments of
its bay. Either can be pulled out. Whatever is not at the end of a cable cannot be reached.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.house import descendants
from tests.runs.floor import ROOT


class NotAllowed(Exception):
    """This machine, or this user, may not make namespaces; says why."""


def ip(*words: str) -> None:
    """Run the system's `ip`; raises NotAllowed with its own words."""
    program = shutil.which("ip")
    if program is None:
        raise NotAllowed("this machine has no program `ip`")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAllowed(f"ip {' '.join(words)}: {done.stderr.strip()}")


@dataclass(frozen=True)
class Network:
    """Addresses 198.18.x.* (set apart for tests): .1 the servers', one more for each bay."""

    prefix: str
    name: str

    @property
    def servers(self) -> str:
        return f"{self.prefix}.1"

    def bay(self, number: int) -> str:
        """The address of the instruments of bay `number` (0 or 1)."""
        return f"{self.prefix}.{2 + number}"


@dataclass(frozen=True)
class Host:
    """A namespace; `number` (0 to 9) chooses its addresses."""

    network: Network
    number: int

    @property
    def name(self) -> str:
        return f"{self.network.name}{self.number}"

    def cut(self, how: str) -> None:
        """Take away the way to the servers; the one to the instruments stays.

        how: "pulled", the cable, which the host's kernel sees at once; or "silent", when
        something on the way takes every packet and says nothing.
        """
        if how == "pulled":
            ip("link", "set", f"{self.name}s", "down")
        else:
            nobody = ("lladdr", "02:00:00:00:00:01", "nud", "permanent")
            ip("-n", self.name, "neigh", "replace", self.ours, *nobody, "dev", f"{self.name}si")

    def heal(self, how: str) -> None:
        if how == "pulled":
            ip("link", "set", f"{self.name}s", "up")
        else:
            ip("-n", self.name, "neigh", "del", self.ours, "dev", f"{self.name}si")

    @property
    def ours(self) -> str:
        """Our end of the cable to the servers."""
        return self._ends(0)[0]

    def _ends(self, place: int) -> tuple[str, str]:
        first = 16 + 8 * self.number + place
        return f"{self.network.prefix}.{first + 1}", f"{self.network.prefix}.{first + 2}"

    def reaches(self, address: str, port: int) -> bool:
        """True when a program on this host gets a connection there."""
        said = f"import socket; socket.create_connection(({address!r}, {port}), 2)"
        command = self.command([sys.executable, "-c", said])
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def command(self, words: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *words]

    def cable(self, end: str, far: str, place: int) -> None:
        """A cable `end` from this host to our side, where `far` is reached."""
        ours, here = self._ends(place)
        cable, inside = f"{self.name}{end}", f"{self.name}{end}i"
        ip("link", "add", cable, "type", "veth", "peer", "name", inside)
        ip("link", "set", inside, "netns", self.name)
        ip("addr", "add", f"{ours}/30", "dev", cable)
        ip("link", "set", cable, "up")
        ip("-n", self.name, "addr", "add", f"{here}/30", "dev", inside)
        ip("-n", self.name, "link", "set", inside, "up")
        ip("-n", self.name, "route", "add", f"{far}/32", "via", ours)


@contextmanager
def network(server_ports: Sequence[int], bays: Sequence[Sequence[int]]) -> Iterator[Network]:
    """The servers at one address and each bay's instruments at another. Raises NotAllowed.

    server_ports, bays: the ports of 127.0.0.1 that are reached at these addresses.
    """
    made = Network(f"198.18.{os.getpid() % 256}", f"tb{os.getpid() % 100_000}x")
    with ExitStack() as stack:
        places = [(made.servers, server_ports)]
        places += [(made.bay(number), ports) for number, ports in enumerate(bays)]
        for address, ports in places:
            ip("addr", "add", f"{address}/32", "dev", "lo")
            stack.callback(ip, "addr", "del", f"{address}/32", "dev", "lo")
            stack.enter_context(_relay(address, ports))
        with host(made, 9, 0):
            pass  # What a machine forbids it forbids here, before a test has begun.
        yield made


@contextmanager
def _relay(address: str, ports: Sequence[int]) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.crash.relay", address, *map(str, ports)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()


@contextmanager
def host(made: Network, number: int, bay: int) -> Iterator[Host]:
    """Host `number` (0 to 9) with its two cables: to the servers, and to bay `bay`."""
    one = Host(made, number)
    with ExitStack() as stack:
        ip("netns", "add", one.name)
        stack.callback(ip, "netns", "del", one.name)
        ip("-n", one.name, "link", "set", "lo", "up")
        for end, far, place in (("s", made.servers, 0), ("t", made.bay(bay), 4)):
            one.cable(end, far, place)
            # Left to the namespace it would stand in the next host's way for a while: the kernel
            # takes that down when it has time, and not before its last connection has ended.
            stack.callback(ip, "link", "del", f"{one.name}{end}")
        yield one


@contextmanager
def working(one: Host, bay: str, folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """`run_workers` for a bay on this host; the process's id. Told to stop at the end."""
    (folder / one.name).mkdir()
    command = ["-m", "tests.crash.one_host", str(folder / one.name), bay]
    with (folder / f"{one.name}.log").open("wb") as log:
        process = subprocess.Popen(
            one.command([sys.executable, *command]), cwd=ROOT, env=environment, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield process.pid
        process.terminate()
        assert process.wait(60) == 0, (folder / f"{one.name}.log").read_text()
    finally:
        # The workers have groups of their own: none may go on when a test failed.
        for pid in descendants(process.pid) if process.poll() is None else ():
            os.kill(pid, signal.SIGKILL)
        process.wait(10)
