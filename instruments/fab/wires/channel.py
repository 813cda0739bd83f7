"""What the three wires share: one tool behind one port, its connections, and its faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass

from instruments.fab.faults import GARBAGE, WRONG_TYPE, Fault, Faults
from instruments.fab.models.base import ToolModel
from instruments.resource_name import Wire

HOST = "127.0.0.1"
BOOT_S = 0.2
LONGEST_MESSAGE = 1 << 20
"""More bytes than that without an end are no message: the connection is dropped."""
MOST_UNREAD = 1 << 16
SILENT = ("no_reply", "never_opc", "restart", "memory_loss", "refuse")
"""Faults after which no answer comes."""


@dataclass(frozen=True)
class Reply:
    """What the tool answered to one message, and the fault that meets it on the wire."""

    data: bytes
    previous: bytes = b""
    fault: Fault | None = None

    @property
    def kind(self) -> str:
        """The fault's kind, "" when there is none."""
        return self.fault.kind if self.fault else ""


class ToolPower:
    """What all wires of one tool share: frozen, restarted, refusing."""

    def __init__(self, tool: ToolModel) -> None:
        self.tool = tool
        self.channels: list[Channel] = []
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._thaw: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_frozen(self) -> bool:
        """Whether the tool's controller hangs."""
        return not self._thawed.is_set()

    async def thaw(self) -> None:
        """Wait until the tool's controller answers again."""
        await self._thawed.wait()

    def freeze(self, seconds: float) -> None:
        """Answer nothing for `seconds` of the host's clock; physics goes on.

        The last freeze counts: an earlier one does not end it.
        """
        if self._thaw is not None:
            self._thaw.cancel()
        self._thawed.clear()
        self._thaw = asyncio.get_running_loop().call_later(seconds, self._thawed.set)

    def restart(self, *, lose_memory: bool = False) -> None:
        """Cut the power: every connection resets, and the ports refuse until it has booted."""
        self.tool.restart(lose_memory=lose_memory)
        self._thawed.set()
        self.refuse(BOOT_S)

    def refuse(self, seconds: float, wire: str = "") -> None:
        """Drop every connection and refuse new ones for `seconds`."""
        for channel in self.channels:
            if wire in ("", channel.wire):
                task = asyncio.ensure_future(channel.shut_for(seconds))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)


class Channel:
    """One tool on one wire: a listening port and what happens to messages behind it."""

    wire: Wire

    def __init__(self, power: ToolPower, faults: Faults, port: int) -> None:
        self.power = power
        self.tool = power.tool
        self.faults = faults
        self.port = port
        self.previous = b""
        self.is_ending = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        power.channels.append(self)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak the wire's protocol with one client until it goes."""
        raise AssertionError(f"{type(self).__name__} speaks no protocol")

    # ------------------------------------------------------------------ the port
    async def listen(self) -> None:
        """Open the port; 0 picks a free one, which then stays."""
        self._server = await asyncio.start_server(
            self._accept, HOST, self.port, limit=1 << 22, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut_for(self, seconds: float) -> None:
        """Reset every connection, refuse new ones for a while, then listen again."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in tuple(self._writers):
            reset(writer)
        await asyncio.sleep(seconds)
        while self._server is None:
            # A client somewhere may have been given our port meanwhile.
            with contextlib.suppress(OSError):
                await self.listen()
                return
            await asyncio.sleep(BOOT_S)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._writers.add(writer)
        try:
            await self.serve(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, struct.error):
            self.tool.advance()
        except asyncio.CancelledError:
            # Python 3.11 logs a cancelled connection as an error; at the fab's end it is none.
            if not self.is_ending:
                raise
        finally:
            self._writers.discard(writer)
            writer.close()

    # ------------------------------------------------------------------ messages
    def respond_now(self, message: bytes) -> bytes | None:
        """The fast path: the answer at once, or None when a fault or a freeze may interfere."""
        if self.power.is_frozen or self.faults.any_armed():
            return None
        answer = b"".join(filter(None, map(self.tool.execute, _lines(message))))
        if answer:
            self.previous = answer
        return answer

    async def respond(self, message: bytes) -> Reply:
        """Carry out a message under whatever faults are armed."""
        await self.power.thaw()
        answers: list[bytes] = []
        struck: Fault | None = None
        for line in _lines(message):
            fault = self.faults.take(self.tool.name, self.wire, line)
            answer = self._execute(line, fault)
            if fault is not None:
                struck = fault
            if answer:
                answers.append(answer)
        previous, data = self.previous, b"".join(answers)
        self.previous = data or previous
        await self._tool_wide(struck)
        return Reply(data, previous, struck)

    async def met_aside(self, writer: asyncio.StreamWriter, what: str) -> bool:
        """Whether a fault swallows the answer to `(clear)` or `(status)`; it may end the session.

        Raises `ConnectionError` when the connection ends with it.
        """
        fault = self.faults.take(self.tool.name, self.wire, what)
        if fault is None:
            return False
        await self._tool_wide(fault)
        if fault.kind == "reset":
            reset(writer)
        if fault.kind in ("reset", "close", "half_close"):
            raise ConnectionError(f"{fault.kind} on {what}")
        return fault.kind != "delay"

    def _execute(self, line: str, fault: Fault | None) -> bytes | None:
        answer = self.tool.execute(line)
        if fault is None:
            return answer
        if fault.kind == "error_queue":
            self.tool.push_error(-240, "Hardware error; injected")
        if fault.kind == "never_opc" and line.strip().upper() == "*OPC?":
            return None
        return answer

    async def _tool_wide(self, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault.kind == "freeze":
            self.power.freeze(fault.seconds)
            await self.power.thaw()
        elif fault.kind in ("restart", "memory_loss"):
            self.power.restart(lose_memory=fault.kind == "memory_loss")
        elif fault.kind == "refuse":
            self.power.refuse(fault.seconds, self.wire)
        elif fault.kind == "delay":
            await asyncio.sleep(fault.seconds)


def spoiled(reply: Reply) -> bytes:
    """The bytes of an answer after faults that change them but keep the framing."""
    if reply.kind == "garbage":
        return GARBAGE + b"\n"
    if reply.kind == "wrong_type":
        return WRONG_TYPE
    if reply.kind == "truncated_block":
        return reply.data[: len(reply.data) // 2]
    return reply.data


async def read_by_client(writer: asyncio.StreamWriter) -> None:
    """Wait while more lies unread than a client has a reason to leave."""
    if writer.transport.get_write_buffer_size() > MOST_UNREAD:
        await writer.drain()


async def ship(writer: asyncio.StreamWriter, framed: bytes, reply: Reply) -> bool:
    """Write an answer that is framed already; False when the connection ends with it."""
    kind, seconds = reply.kind, reply.fault.seconds if reply.fault else 0.0
    if kind in SILENT:
        return True
    if kind == "reset":
        reset(writer)
        return False
    if kind in ("close", "half_close"):
        writer.write(framed[: len(framed) // 2] if kind == "half_close" else b"")
        await writer.drain()
        return False
    if kind == "bad_frame":
        writer.write(GARBAGE * 4)
    elif kind == "drip":
        await _drip(writer, framed, seconds)
    else:
        writer.write(framed)
    await writer.drain()
    return True


async def _drip(writer: asyncio.StreamWriter, framed: bytes, seconds: float) -> None:
    left = framed
    try:
        while left:
            writer.write(left[:1])
            left = left[1:]
            await writer.drain()
            await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        # A device clear: what is begun is sent to its end, or the next message has no beginning.
        writer.write(left)
        raise


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection the rude way, with a TCP reset."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _lines(message: bytes) -> list[str]:
    return [line for line in message.decode("ascii", "replace").split("\n") if line.strip()]
