"""The web processes: one a core, each with a listening socket of its own on the same port.

python -m testbed.ops.web HOST PORT [--workers N]

The kernel spreads connections over the sockets (SO_REUSEPORT). Over one shared socket the first
process to wake up takes all that wait, and the others idle.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import socket
import sys
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, NoReturn

import uvicorn

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

BACKLOG = 2048
GRACE_S = 3
MOST = 8


def main(arguments: list[str]) -> int:
    """Serve until told to stop; 1 when a process died by itself."""
    asked = _asked(arguments)
    if asked.workers == 1:
        serve(asked.host, asked.port)
        return 0
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=serve, args=(asked.host, asked.port), name=f"web-{number}")
        for number in range(asked.workers)
    ]
    for worker in workers:
        worker.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        # Nothing is restarted: a process that dies is a fault to be seen.
        wait([worker.sentinel for worker in workers])
        return 1
    except _Stopped:
        return 0
    finally:
        _end(workers)


def serve(host: str, port: int) -> None:
    """One web process, on a socket of its own."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        config = uvicorn.Config(
            "testbed.asgi:application",
            lifespan="off",
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        uvicorn.Server(config).run(sockets=[listening])


class _Stopped(BaseException):
    """Somebody asked us to stop."""


def _stop(number: int, frame: object) -> NoReturn:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise _Stopped


def _end(workers: list[SpawnProcess]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(GRACE_S + 2)
        if worker.is_alive():
            worker.kill()


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testbed.ops.web")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--workers", type=int, default=max(1, min(cores, MOST)))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
