"""The raw socket wire: lines in, lines out, and nothing that tells one answer from another."""

from __future__ import annotations

import asyncio

from instruments.fab.wires.channel import (
    LONGEST_MESSAGE,
    Channel,
    Reply,
    read_by_client,
    ship,
    spoiled,
)
from instruments.resource_name import Wire

_PIECE = 1 << 16


class SocketChannel(Channel):
    """`TCPIP::host::port::SOCKET`."""

    wire: Wire = "socket"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer line after line; lines that came together are one message."""
        rest = b""
        while received := await reader.read(_PIECE):
            message, feed, rest = (rest + received).rpartition(b"\n")
            if len(rest) > LONGEST_MESSAGE:
                return
            if not feed:
                continue
            answer = self.respond_now(message)
            if answer is None:
                if not await self._send(writer, await self.respond(message)):
                    return
            elif answer:
                writer.write(answer)
                await read_by_client(writer)

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        data = spoiled(reply)
        if reply.kind == "duplicate":
            data = data * 2
        elif reply.kind == "stale":
            data = reply.previous + data
        return await ship(writer, data, reply)
