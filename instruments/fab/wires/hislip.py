"""HiSLIP 1.0 in synchronised mode (IVI-6.1): a pair of TCP connections a client.

The interrupted-query messages are not sent: a client that asks before it has read gets both
answers, each under its own message number, and drops the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
from dataclasses import dataclass

from instruments.fab.faults import Faults
from instruments.fab.wires.channel import (
    LONGEST_MESSAGE,
    SILENT,
    Channel,
    Reply,
    ToolPower,
    read_by_client,
    ship,
    spoiled,
)
from instruments.resource_name import Wire

_HEAD = struct.Struct("!2sBBIQ")
_PIECE = 1 << 20
_SMALLEST = 64
INITIALIZE, INITIALIZE_ANSWER, FATAL, ERROR = 0, 1, 2, 3
LOCK, LOCK_ANSWER, DATA, DATA_END = 4, 5, 6, 7
CLEAR_COMPLETE, CLEAR_DONE = 8, 9
REMOTE, REMOTE_ANSWER, TRIGGER = 10, 11, 12
MAX_SIZE, MAX_SIZE_ANSWER = 15, 16
ASYNC_INITIALIZE, ASYNC_INITIALIZE_ANSWER = 17, 18
ASYNC_CLEAR, STATUS, STATUS_ANSWER, ASYNC_CLEAR_ANSWER = 19, 21, 22, 23
LOCK_INFO, LOCK_INFO_ANSWER = 24, 25
_MAV = 16


@dataclass
class Session:
    """One client's pair of connections."""

    number: int
    largest: int = _PIECE
    """The payload of the longest message that the client takes."""
    clearing: bool = False
    unread: bool = False
    """An answer was sent and the client has not said that it was delivered."""
    answering: asyncio.Task[bool] | None = None


@dataclass(frozen=True)
class Message:
    """One HiSLIP message."""

    kind: int
    control: int
    parameter: int
    payload: bytes

    @property
    def says_delivered(self) -> bool:
        """RMT-delivered: the client has read its last answer to the end (IVI-6.1 §6.14)."""
        return bool(self.control & 1)


class HislipChannel(Channel):
    """`TCPIP::host::hislip0,port::INSTR`."""

    wire: Wire = "hislip"

    def __init__(self, power: ToolPower, faults: Faults, port: int) -> None:
        super().__init__(power, faults, port)
        self._numbers = itertools.count(1)
        self._sessions: dict[int, Session] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell the two kinds of connection apart by their first message."""
        await self.power.thaw()
        first = await _receive(reader)
        if first.kind == INITIALIZE:
            numbers = (number & 0xFFFF for number in self._numbers)
            session = Session(next(one for one in numbers if one not in self._sessions))
            self._sessions[session.number] = session
            _send(writer, INITIALIZE_ANSWER, 0, (0x0100 << 16) | session.number)
            try:
                await self._synchronous(reader, writer, session)
            finally:
                self._sessions.pop(session.number, None)
        elif first.kind == ASYNC_INITIALIZE and first.parameter in self._sessions:
            _send(writer, ASYNC_INITIALIZE_ANSWER, 0, 0)
            await self._asynchronous(reader, writer, self._sessions[first.parameter])
        else:
            _send(writer, FATAL, 3, 0, b"invalid initialization sequence")

    # ------------------------------------------------------------------ synchronous channel
    async def _synchronous(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session
    ) -> None:
        received = b""
        while True:
            message = await _receive(reader)
            if message.kind == CLEAR_COMPLETE:
                await self.power.thaw()
                received, session.clearing, session.unread = b"", False, False
                _send(writer, CLEAR_DONE, 0, 0)
            elif message.kind == TRIGGER:
                continue
            elif message.kind not in (DATA, DATA_END):
                _send(writer, ERROR, 1, 0, b"unrecognized message type")
            elif session.clearing:
                continue
            else:
                # Whoever asks again forgoes what was not read yet.
                session.unread = False
                received += message.payload
                if len(received) > LONGEST_MESSAGE:
                    return
                if message.kind == DATA_END:
                    complete, received = received, b""
                    if not await self._answer(writer, session, message.parameter, complete):
                        return

    async def _answer(
        self, writer: asyncio.StreamWriter, session: Session, number: int, message: bytes
    ) -> bool:
        answer = self.respond_now(message)
        if answer is not None:
            if answer:
                writer.write(_framed(answer, number, session.largest))
                session.unread = True
                await read_by_client(writer)
            return True
        work = self._answer_slowly(writer, session, number, message)
        session.answering = asyncio.ensure_future(work)
        try:
            return await session.answering
        except asyncio.CancelledError:
            if not session.clearing:
                raise
            return True
        finally:
            session.answering = None

    async def _answer_slowly(
        self, writer: asyncio.StreamWriter, session: Session, number: int, message: bytes
    ) -> bool:
        reply = await self.respond(message)
        if not reply.data and reply.kind not in ("close", "reset"):
            return True
        session.unread = reply.kind not in SILENT
        return await ship(writer, _framed_with_fault(reply, number, session.largest), reply)

    # ------------------------------------------------------------------ asynchronous channel
    async def _asynchronous(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session
    ) -> None:
        while True:
            message = await _receive(reader)
            await self.power.thaw()
            if message.kind == ASYNC_CLEAR:
                session.clearing = True
                if session.answering is not None:
                    session.answering.cancel()
                if not await self.met_aside(writer, "(clear)"):
                    _send(writer, ASYNC_CLEAR_ANSWER, 0, 0)
            elif message.kind == STATUS:
                if await self.met_aside(writer, "(status)"):
                    continue
                session.unread = session.unread and not message.says_delivered
                waiting = _MAV if session.unread else 0
                _send(writer, STATUS_ANSWER, self.tool.status_byte() | waiting, 0)
            elif message.kind == MAX_SIZE:
                (size,) = struct.unpack("!Q", message.payload)
                session.largest = min(max(size - _HEAD.size, _SMALLEST), _PIECE)
                _send(writer, MAX_SIZE_ANSWER, 0, 0, struct.pack("!Q", _PIECE))
            elif message.kind in _PLAIN_ANSWERS:
                _send(writer, *_PLAIN_ANSWERS[message.kind], 0)
            else:
                _send(writer, ERROR, 1, 0, b"unrecognized message type")
            await writer.drain()


_PLAIN_ANSWERS = {
    LOCK: (LOCK_ANSWER, 1),
    LOCK_INFO: (LOCK_INFO_ANSWER, 0),
    REMOTE: (REMOTE_ANSWER, 0),
}


async def _receive(reader: asyncio.StreamReader) -> Message:
    prologue, kind, control, parameter, length = _HEAD.unpack(await reader.readexactly(16))
    if prologue != b"HS" or length > LONGEST_MESSAGE:
        raise ConnectionError("not HiSLIP")
    return Message(kind, control, parameter, await reader.readexactly(length) if length else b"")


def _send(
    writer: asyncio.StreamWriter, kind: int, control: int, parameter: int, payload: bytes = b""
) -> None:
    with contextlib.suppress(RuntimeError):
        writer.write(_HEAD.pack(b"HS", kind, control, parameter, len(payload)) + payload)


def _framed(answer: bytes, number: int, largest: int) -> bytes:
    if len(answer) <= largest:
        return _HEAD.pack(b"HS", DATA_END, 0, number, len(answer)) + answer
    pieces = []
    for start in range(0, len(answer), largest):
        piece = answer[start : start + largest]
        kind = DATA_END if start + largest >= len(answer) else DATA
        pieces.append(_HEAD.pack(b"HS", kind, 0, number, len(piece)) + piece)
    return b"".join(pieces)


def _framed_with_fault(reply: Reply, number: int, largest: int) -> bytes:
    framed = _framed(spoiled(reply), number, largest)
    if reply.kind == "duplicate":
        return framed * 2
    if reply.kind == "stale":
        return _framed(reply.previous, (number - 2) & 0xFFFF_FFFF, largest) + framed
    return framed
