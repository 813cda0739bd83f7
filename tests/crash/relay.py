"""Passes on what comes in at an address: `-m tests.crash.relay ADDRESS PORT...`.

Each port leads to the same port of 127.0.0.1, where the servers and the simulated tools of the
tests listen, so that hosts which have a loopback of their own can reach them too.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

PIECE = 65_536


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until either end closes; then close the other."""
    # A host that is cut off or killed ends its connections in no order.
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def listen(address: str, port: int) -> asyncio.Server:
    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    return await asyncio.start_server(joined, address, port)


async def main(address: str, ports: list[int]) -> None:
    servers = [await listen(address, port) for port in ports]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], [int(word) for word in sys.argv[2:]]))
