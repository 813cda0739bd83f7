"""Confirmed bookings a second through the product's own web process, on real sockets.

Sixteen clients on connections that stay open, each with a token and an Idempotency-Key a
booking; client, web process and PostgreSQL share the machine. Beside it sixteen connections
that insert the same claims by bare SQL. Whoever is free takes the next piece, so that the rate is
that of all sixteen and not of the slowest one's end.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import psycopg

from bench.booking.facility import midnight
from bench.figure import Figure
from testbed.ops.embedded import REPOSITORY
from testbed.ops.supervisor import read_procfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.booking.facility import Facility

CLIENTS = 16
BOOKINGS = 1_200
WARM = 160
READY_S = 60.0
INSERT_SQL = """
    INSERT INTO booking_allocation
        (tool_id, kind, starts_at, ends_at, live, note, reason_ko, reason_en)
    VALUES (%s, 'maintenance', %s, %s, true, '', '', '')
"""


def figures(facility: Facility, url: str) -> Iterator[Figure]:
    """confirm_per_s, confirm_p50_ms, confirm_p95_ms; limits by bare SQL."""
    with web(url) as address:
        clients = [Client(address, facility, number) for number in range(CLIENTS)]
        measured(lambda number, order: clients[number].book(order), range(WARM))
        rate, taken = measured(
            lambda number, order: clients[number].book(order), range(WARM, WARM + BOOKINGS)
        )
        for client in clients:
            client.close()
    bare = [psycopg.connect(url, autocommit=True) for _ in range(CLIENTS)]
    limit, limits = measured(
        lambda number, order: insert(bare[number], facility, order), range(BOOKINGS)
    )
    for connection in bare:
        connection.close()
    yield Figure("booking.confirm_per_s", rate, "1/s", limit, len(taken))
    for percent in (50, 95):
        value, best = percentile(taken, percent), percentile(limits, percent)
        yield Figure(f"booking.confirm_p{percent}_ms", value, "ms", best, len(taken))


def measured(work: Callable[[int, int], float], pieces: range) -> tuple[float, list[float]]:
    """(pieces a second, how long each took in seconds): `work(client, piece)` for every piece."""
    left = iter(pieces)
    began = time.perf_counter()
    done = together(lambda number: [work(number, order) for order in left])
    taken = [each for one in done for each in one]
    return len(taken) / (time.perf_counter() - began), taken


def percentile(taken: list[float], percent: int) -> float:
    """In milliseconds."""
    return quantiles(taken, n=100)[percent - 1] * 1_000


def together(work: Callable[[int], Any]) -> list[Any]:
    """`work(number)` in CLIENTS threads at once; raises what one of them raised."""
    results: list[Any] = [None] * CLIENTS
    broken: list[BaseException] = []

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return results


def slot(facility: Facility, order: int) -> tuple[int, Any, Any]:
    """(place of the tool, start, end): no two overlap, neighbours differ in tool."""
    tools = len(facility.tools)
    start = midnight() + timedelta(days=2, hours=order // tools)
    return order % tools, start, start + timedelta(hours=1)


class Client:
    """One person's program: a connection that stays open, one request after the other."""

    def __init__(self, address: tuple[str, int], facility: Facility, number: int) -> None:
        self.facility, self.number = facility, number
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.key = facility.keys[(number * 2) % len(facility.keys)]

    def book(self, order: int) -> float:
        """How long the booking took; RuntimeError for one that is not confirmed."""
        request = self._request(order)
        began = time.perf_counter()
        self.socket.sendall(request)
        status, body = self._answer()
        taken = time.perf_counter() - began
        if status != 201 or b'"confirmed"' not in body:
            raise RuntimeError(f"{status}: {body[:300]!r}")
        return taken

    def close(self) -> None:
        self.socket.close()

    def _request(self, order: int) -> bytes:
        place, start, end = slot(self.facility, order)
        span = {"starts_at": start.isoformat(), "ends_at": end.isoformat()}
        body = json.dumps({"tool": self.facility.tools[place].code, **span}).encode()
        return (
            f"POST /api/v1/bookings/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {self.number}-{order}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def _answer(self) -> tuple[int, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self._more()
        return int(head[9:12]), body

    def _more(self) -> bytes:
        data = self.socket.recv(65_536)
        if not data:
            raise RuntimeError("the web process closed the connection")
        return data


def insert(connection: Any, facility: Facility, order: int) -> float:
    """The same claim on another day, one committed insert: how long it took."""
    place, start, end = slot(facility, order)
    later = timedelta(days=365)
    values = (facility.tools[place].pk, start + later, end + later)
    began = time.perf_counter()
    connection.execute(INSERT_SQL, values)
    return time.perf_counter() - began


@contextmanager
def web(url: str) -> Iterator[tuple[str, int]]:
    """The Procfile's web process on a free port, over the database at `url`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    [line] = [one for one in read_procfile(REPOSITORY / "Procfile") if one.name == "web"]
    values = {"PYTHON": sys.executable, "TESTBED_HOST": "127.0.0.1", "PORT": str(port)}
    environment = {**os.environ, **values, "DATABASE_URL": url}
    with Path(os.devnull).open("w") as nowhere:
        process = subprocess.Popen(
            line.arguments(environment), cwd=REPOSITORY, env=environment, stdout=nowhere
        )
        try:
            _wait_ready(f"http://127.0.0.1:{port}/livez")
            yield "127.0.0.1", port
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_ready(url: str) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2.0):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
