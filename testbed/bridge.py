"""The API's requests in one hop: a thread that lasts carries each from its first line to its last.

Through Django's ASGI handler every synchronous middleware costs a change of thread, and each
request a thread of its own; the API needs neither.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

# More than run at once: most of a claim's time is the disk's, at the commit. With eight the
# database spends more on changing between them than is won.
THREADS = 4
KEPT_IN_MEMORY = 1 << 20


class Bridge:
    """An ASGI application that answers with a Django WSGI handler in a pool of threads."""

    def __init__(self, handler: Callable[..., Any], threads: int = THREADS) -> None:
        self._handler = handler
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bridge")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        with SpooledTemporaryFile(KEPT_IN_MEMORY) as body:
            if not await _read(receive, body):
                return
            loop = asyncio.get_running_loop()
            run = loop.run_in_executor
            head, response, content = await run(
                self._threads, self._answer, environment(scope, body)
            )
            try:
                await send({"type": "http.response.start", **head})
                if response is None:
                    await send({"type": "http.response.body", "body": content})
                    return
                chunks = iter(response)
                while (chunk := await run(self._threads, next, chunks, None)) is not None:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            finally:
                if response is not None:
                    await run(self._threads, response.close)

    def _answer(self, environ: dict[str, Any]) -> tuple[Message, Any, bytes]:
        """(status and headers, None, content); for a stream (…, the response still open, b"")."""
        head: Message = {}

        def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
            head["status"] = int(status[:3])
            head["headers"] = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ]

        response = self._handler(environ, start)
        if response.streaming:
            return head, response, b""
        try:
            return head, None, response.content
        finally:
            response.close()


async def _read(receive: Receive, body: Any) -> bool:
    """The whole body into the file, rewound; False when the client went away meanwhile."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        body.write(message.get("body", b""))
        more = message.get("more_body", False)
    body.seek(0)
    return True


def environment(scope: Message, body: Any) -> dict[str, Any]:
    """The WSGI environment of an ASGI scope (PEP 3333)."""
    server = scope.get("server") or ("localhost", 80)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        if b"_" in raw:
            # Would pass for the header written with a hyphen, which a proxy may have removed.
            continue
        name = raw.decode("latin-1").upper().replace("-", "_")
        name = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        text = value.decode("latin-1")
        environ[name] = f"{environ[name]},{text}" if name in environ else text
    return environ
