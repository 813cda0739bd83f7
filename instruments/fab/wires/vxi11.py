"""The VXI-11 core channel (TCP/IP Instrument Protocol 1.0) over ONC RPC, without portmapper.

Each client gets one link. A write starts the tool's work; a read waits for the answer until its
`io_timeout` and then says so, as the standard asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from instruments.fab.wires.channel import (
    LONGEST_MESSAGE,
    SILENT,
    Channel,
    Reply,
    read_by_client,
    ship,
    spoiled,
)
from instruments.resource_name import Wire

PROGRAM, PROCEDURES, NULL = 0x0607AF, range(10, 27), 0
PROGRAM_UNAVAILABLE, PROCEDURE_UNAVAILABLE = 1, 3
CREATE_LINK, WRITE, READ, READ_STB, TRIGGER, CLEAR = 10, 11, 12, 13, 14, 15
REMOTE, LOCAL, LOCK, UNLOCK, ENABLE_SRQ, DESTROY_LINK = 16, 17, 18, 19, 20, 23
CREATE_INTR, DESTROY_INTR = 25, 26
NO_ERROR, NO_LINK, NOT_SUPPORTED, LOCKED, NO_LOCK, IO_TIMEOUT = 0, 4, 8, 11, 12, 15
_END, _REQUESTED, _MAV = 4, 1, 16
_FLAG_END = 8
_WHAT_A_LOCK_KEEPS = (WRITE, READ, READ_STB, TRIGGER, CLEAR, REMOTE, LOCAL)
_LARGEST = 1 << 20


@dataclass
class Connection:
    """One client: what it has written, what it has not read yet, and the work between."""

    writer: asyncio.StreamWriter
    received: bytearray = field(default_factory=bytearray)
    unread: bytes = b""
    waiting: Reply | None = None
    work: asyncio.Task[Reply] | None = None
    last_record: bytes = b""
    linked: bool = False

    def forget(self) -> None:
        """Drop what was written, what works on it, and what was not read."""
        if self.work is not None:
            self.work.cancel()
        self.received.clear()
        self.unread, self.work, self.waiting = b"", None, None

    @property
    def has_answer(self) -> bool:
        """Whether an answer waits to be read; not while the tool still works on it."""
        if self.unread or self.work is None or not self.work.done():
            return bool(self.unread)
        reply = self.work.result()
        return bool(reply.data) and reply.kind not in SILENT


class Call:
    """One remote procedure call, unpacked field by field."""

    def __init__(self, record: bytes) -> None:
        self._record = record
        self.number, self.program, self.procedure = self._at(0), self._at(12), self._at(20)
        self._offset = 24
        for _ in range(2):
            self._offset += 4
            self.opaque()

    def _at(self, offset: int) -> int:
        value: int = struct.unpack_from("!I", self._record, offset)[0]
        return value

    def uint(self) -> int:
        """The next unsigned integer."""
        self._offset += 4
        return self._at(self._offset - 4)

    def opaque(self) -> bytes:
        """The next variable-length bytes."""
        length = self.uint()
        start = self._offset
        self._offset += length + (-length % 4)
        return self._record[start : start + length]


class Vxi11Channel(Channel):
    """`TCPIP::host,port::inst0::INSTR`."""

    wire: Wire = "vxi11"
    lock_holder: Connection | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer call after call."""
        connection = Connection(writer)
        try:
            while True:
                call = Call(await _record(reader))
                await self.power.thaw()
                status = accepted(call)
                if status or call.procedure == NULL:
                    writer.write(_framed(call.number, b"", status))
                elif not await self._answer(connection, call):
                    return
        finally:
            self._end_link(connection)

    def _end_link(self, connection: Connection) -> None:
        """The client's work, its lock and its link end together."""
        if self.lock_holder is connection:
            self.lock_holder = None
        connection.forget()
        connection.linked = False

    async def _answer(self, connection: Connection, call: Call) -> bool:
        beside = {CLEAR: "(clear)", READ_STB: "(status)"}.get(call.procedure)
        if beside and await self.met_aside(connection.writer, beside):
            return True
        procedures: dict[int, Callable[[Connection, Call], Awaitable[bytes]]] = {
            WRITE: self._write,
            READ: self._read,
            CREATE_LINK: self._create_link,
            CLEAR: self._clear,
        }
        refusal = self._refusal(connection, call)
        slow = None if refusal else procedures.get(call.procedure)
        body = await slow(connection, call) if slow else self._quick(connection, call, refusal)
        reply = connection.waiting if call.procedure == READ and not connection.unread else None
        if reply is not None:
            connection.waiting = None
        framed = _framed(call.number, body)
        previous, connection.last_record = connection.last_record, framed
        if reply is None or not reply.kind:
            connection.writer.write(framed)
            await read_by_client(connection.writer)
            return True
        if reply.kind == "duplicate":
            framed = framed * 2
        elif reply.kind == "stale":
            framed = previous + framed
        return await ship(connection.writer, framed, reply)

    def _refusal(self, connection: Connection, call: Call) -> int:
        """Nothing but a link can be asked for without a link, and little against another's lock."""
        if not connection.linked and call.procedure != CREATE_LINK:
            return NO_LINK
        keeps = call.procedure in _WHAT_A_LOCK_KEEPS
        return LOCKED if keeps and self.lock_holder not in (None, connection) else NO_ERROR

    def _quick(self, connection: Connection, call: Call, refusal: int) -> bytes:
        if refusal:
            # Longer than most answers to a refusal need: every reader finds its fields.
            return struct.pack("!III", refusal, 0, 0)
        if call.procedure == DESTROY_LINK:
            self._end_link(connection)
            return struct.pack("!I", NO_ERROR)
        if call.procedure == READ_STB:
            waiting = _MAV if connection.has_answer else 0
            return struct.pack("!II", NO_ERROR, self.tool.status_byte() | waiting)
        if call.procedure == LOCK:
            free = self.lock_holder in (None, connection)
            self.lock_holder = connection if free else self.lock_holder
            return struct.pack("!I", NO_ERROR if free else LOCKED)
        if call.procedure == UNLOCK:
            held = self.lock_holder is connection
            self.lock_holder = None if held else self.lock_holder
            return struct.pack("!I", NO_ERROR if held else NO_LOCK)
        plain = (TRIGGER, REMOTE, LOCAL, ENABLE_SRQ, DESTROY_INTR)
        return struct.pack("!I", NO_ERROR if call.procedure in plain else NOT_SUPPORTED)

    async def _create_link(self, connection: Connection, call: Call) -> bytes:
        connection.linked = True
        return struct.pack("!IIII", NO_ERROR, 1, 0, _LARGEST)

    async def _clear(self, connection: Connection, call: Call) -> bytes:
        connection.forget()
        return struct.pack("!I", NO_ERROR)

    async def _write(self, connection: Connection, call: Call) -> bytes:
        _link, _io, _lock, flags, data = (*(call.uint() for _ in range(4)), call.opaque())
        connection.received += data
        if len(connection.received) > LONGEST_MESSAGE:
            raise ConnectionError("a message without end")
        if flags & _FLAG_END:
            message = bytes(connection.received)
            connection.received.clear()
            self._start(connection, message)
        return struct.pack("!II", NO_ERROR, len(data))

    def _start(self, connection: Connection, message: bytes) -> None:
        answer = self.respond_now(message) if connection.work is None else None
        if answer is not None:
            connection.unread += answer
        else:
            connection.work = asyncio.ensure_future(self._after(connection.work, message))

    async def _after(self, before: asyncio.Task[Reply] | None, message: bytes) -> Reply:
        if before is not None:
            await before
        return await self.respond(message)

    async def _read(self, connection: Connection, call: Call) -> bytes:
        call.uint()
        wanted, io_timeout_ms = call.uint(), call.uint()
        if not connection.unread:
            await self._wait(connection, io_timeout_ms / 1e3)
        if not connection.unread:
            return struct.pack("!III", IO_TIMEOUT, 0, 0)
        piece = connection.unread[: min(wanted, _LARGEST)]
        connection.unread = connection.unread[len(piece) :]
        reason = _REQUESTED if connection.unread else _END
        padding = b"\0" * (-len(piece) % 4)
        return struct.pack("!III", NO_ERROR, reason, len(piece)) + piece + padding

    async def _wait(self, connection: Connection, seconds: float) -> None:
        """Wait for the tool's answer, but not longer than the caller is willing to."""
        ends = asyncio.get_running_loop().time() + seconds
        if connection.work is not None:
            with contextlib.suppress(TimeoutError):
                reply = await asyncio.wait_for(asyncio.shield(connection.work), seconds)
                connection.work = None
                if reply.data and reply.kind not in SILENT:
                    connection.waiting = reply
                    connection.unread += spoiled(reply)
        if not connection.unread:
            await asyncio.sleep(max(0.0, ends - asyncio.get_running_loop().time()))


async def _record(reader: asyncio.StreamReader) -> bytes:
    record, last = b"", False
    while not last:
        (mark,) = struct.unpack("!I", await reader.readexactly(4))
        last = bool(mark & 0x8000_0000)
        if len(record) + (mark & 0x7FFF_FFFF) > _LARGEST + 1024:
            raise ConnectionError("not a record")
        record += await reader.readexactly(mark & 0x7FFF_FFFF)
    return record


def accepted(call: Call) -> int:
    """How the call itself is taken (RFC 5531): 0, or what there is no such thing of."""
    if call.program != PROGRAM:
        return PROGRAM_UNAVAILABLE
    known = call.procedure in PROCEDURES or call.procedure == NULL
    return 0 if known else PROCEDURE_UNAVAILABLE


def _framed(number: int, body: bytes, status: int = 0) -> bytes:
    record = struct.pack("!IIIIII", number, 1, 0, 0, 0, status) + body
    return struct.pack("!I", 0x8000_0000 | len(record)) + record
