"""A mail server of a few verbs on a real socket (RFC 5321), for tests: keeps what it is given."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage


class Receiver(socketserver.ThreadingTCPServer):
    """refuse: recipients it answers with this code; drop_after: messages after which it hangs up
    instead of answering, the message already kept."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.messages: list[EmailMessage] = []
        self.refuse: dict[str, int] = {}
        self.drop_after: set[int] = set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Session(socketserver.StreamRequestHandler):
    server: Receiver

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 test receiver")
        for raw in iter(self.rfile.readline, b""):
            line = raw.decode().strip()
            verb = line.upper().partition(" ")[0]
            if verb == "QUIT":
                self.say("221 bye")
                return
            if verb == "DATA":
                if not self._keep():
                    return
            elif verb == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                code = self.server.refuse.get(address, 250)
                self.say(f"{code} {'ok' if code == 250 else 'no'}")
            else:
                self.say("250 ok" if verb in ("EHLO", "HELO", "MAIL", "RSET") else "500 what?")

    def _keep(self) -> bool:
        self.say("354 go on")
        received = iter(self.rfile.readline, b".\r\n")
        lines = [raw[1:] if raw.startswith(b".") else raw for raw in received]
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        self.server.messages.append(message)
        if len(self.server.messages) in self.server.drop_after:
            return False
        self.say("250 kept")
        return True


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of this machine until the block ends."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
