"""Tools that bend or break the rules of their wire, and what an honest one does besides.

Each listens on a port of its own and serves every client in a thread. A test takes the kind whose
wire it is about and overrides the one thing that is odd.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

from instruments.link import Link
from instruments.resource_name import Wire, resource_text

IDN = b"ACME,ROGUE-1,R1,1.0\n"
NO_ERROR = b'0,"No error"\n'
_HEAD = struct.Struct("!2sBBIQ")
DATA, DATA_END = 6, 7
SERVICE_REQUEST, INTERRUPTED = 20, 14


class Rogue:
    """A port on loopback, closed with every connection at the end of the `with`."""

    wire: Wire

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.port = int(self._listener.getsockname()[1])
        self.heard: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def link(self, timeout_s: float = 0.3) -> Link:
        """A link to this tool."""
        return Link(resource_text(self.wire, "127.0.0.1", self.port), timeout_s=timeout_s)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(client)
            threading.Thread(target=self._serve_quietly, args=(client,), daemon=True).start()

    def _serve_quietly(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.serve(client)
        client.close()

    def serve(self, client: socket.socket) -> None:
        """Speak with one client until it goes."""
        raise NotImplementedError

    # ------------------------------------------------------------------ what it says
    def answers(self, message: str) -> list[bytes]:
        """An answer for each query of a message, the usual ones as they should be."""
        self.heard.append(message)
        lines = [line for line in message.split("\n") if line.endswith("?")]
        return [self.answer(line) for line in lines]

    def answer(self, line: str) -> bytes:
        """The answer to one query."""
        usual = {"*IDN?": IDN, "SYST:ERR?": NO_ERROR, "*OPC?": b"1\n"}
        return usual.get(line, b"7\n")


def exactly(client: socket.socket, count: int) -> bytes:
    """`count` bytes of a client, or `EOFError`."""
    got = b""
    while len(got) < count:
        if not (more := client.recv(count - len(got))):
            raise EOFError
        got += more
    return got


class RawRogue(Rogue):
    """Lines in, lines out."""

    wire: Wire = "socket"

    def serve(self, client: socket.socket) -> None:
        """Answer line after line."""
        rest = b""
        while received := client.recv(4096):
            message, feed, rest = (rest + received).rpartition(b"\n")
            if feed:
                self.reply(client, self.answers(message.decode("ascii")))

    def reply(self, client: socket.socket, answers: list[bytes]) -> None:
        """Send the answers of one message."""
        client.sendall(b"".join(answers))


class HislipRogue(Rogue):
    """HiSLIP 1.0; `largest` is what it says it takes, `prefers_overlap` what it would rather do."""

    wire: Wire = "hislip"
    largest = 1 << 20
    prefers_overlap = 0

    def __enter__(self) -> Self:
        self.sync: socket.socket | None = None
        self.features: list[int] = []
        return super().__enter__()

    def serve(self, client: socket.socket) -> None:
        """Either channel of the one client there is."""
        while True:
            _, kind, control, parameter, length = _HEAD.unpack(exactly(client, 16))
            payload = exactly(client, length)
            if kind == 0:
                self.sync = client
            if kind in (DATA, DATA_END):
                self.reply(client, parameter, self.answers(payload.decode("ascii")))
            elif kind == 8:
                self.features.append(control)
                client.sendall(frame(9, control))
            else:
                self.aside(client, kind)

    def reply(self, client: socket.socket, number: int, answers: list[bytes]) -> None:
        """Send the answers of one message."""
        if answers:
            client.sendall(frame(DATA_END, 0, number, b"".join(answers)))

    def aside(self, client: socket.socket, kind: int) -> None:
        """Whatever travels beside the messages."""
        client.sendall({
            0: frame(1, self.prefers_overlap, (0x0100 << 16) | 1),
            15: frame(16, 0, 0, struct.pack("!Q", self.largest)),
            17: frame(18),
            19: frame(23, self.prefers_overlap),
            21: frame(22, 4),
        }[kind])  # fmt: skip


def frame(kind: int, control: int = 0, parameter: int = 0, payload: bytes = b"") -> bytes:
    """One HiSLIP message."""
    return _HEAD.pack(b"HS", kind, control, parameter, len(payload)) + payload


class Vxi11Rogue(Rogue):
    """The core channel of VXI-11."""

    wire: Wire = "vxi11"

    def __enter__(self) -> Self:
        self.waiting = b""
        return super().__enter__()

    def serve(self, client: socket.socket) -> None:
        """Answer call after call."""
        while True:
            (mark,) = struct.unpack("!I", exactly(client, 4))
            call = exactly(client, mark & 0x7FFF_FFFF)
            number, procedure = struct.unpack_from("!I16xI", call)
            self.record(client, number, self.result(procedure, call[40:]))

    def record(self, client: socket.socket, number: int, result: bytes) -> None:
        """Send the result of one call."""
        client.sendall(record(number, result))

    def result(self, procedure: int, arguments: bytes) -> bytes:
        """What a call gives."""
        if procedure == 10:
            return struct.pack("!IIII", 0, 1, 0, 1 << 20)
        if procedure == 11:
            (length,) = struct.unpack_from("!I", arguments, 16)
            said = arguments[20 : 20 + length].decode("ascii")
            self.waiting = b"".join(self.answers(said))
            return struct.pack("!II", 0, length)
        return self.read() if procedure == 12 else struct.pack("!II", 0, 0)

    def read(self) -> bytes:
        """What a read gives: all that waits."""
        return piece(self.waiting, 4)


def piece(data: bytes, reason: int, error: int = 0) -> bytes:
    """The result of a `device_read`."""
    return struct.pack("!III", error, reason, len(data)) + data + b"\0" * (-len(data) % 4)


def record(number: int, result: bytes) -> bytes:
    """One record with the answer to call `number`."""
    body = struct.pack("!IIIIII", number, 1, 0, 0, 0, 0) + result
    return struct.pack("!I", 0x8000_0000 | len(body)) + body
