"""A small facility for the tests of `make up`: `python -m tests.ops.fakes web|up ...`."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from testbed.ops import up


class Ready(BaseHTTPRequestHandler):
    """Says that it is ready, whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


def main(arguments: list[str]) -> int:
    """Serve readiness on a port, or run `up` with a Procfile and a sample command."""
    if arguments[0] == "web":
        HTTPServer(("127.0.0.1", int(arguments[1])), Ready).serve_forever()
    procfile, sample, *rest = arguments[1:]
    plan = up.Plan(Path(procfile), (("sign-ins", "Sign-ins", "echo alice"),), sample)
    return up.main(rest, plan)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
