"""The whole product as `make up` runs it: servers, fab, web, workers, beat, sample job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from instruments.fab.control import FabControl
from testbed.ops import embedded, fab
from testbed.ops.processes import free_port

UP_S = 240.0
STOP_S = 60.0


@dataclass(frozen=True)
class Product:
    """A running product: its address, its data folder, and what it has printed."""

    address: str
    data: Path
    output: Path

    def fab(self) -> FabControl:
        """The simulated fab's control channel."""
        configuration = fab.read(self.data)
        assert configuration is not None
        host, _colon, port = fab.control_address(configuration).rpartition(":")
        return FabControl(host, int(port))


@contextmanager
def running(folder: Path) -> Iterator[Product]:
    """Start it in a folder of its own; afterwards stop it by Ctrl-C and clear the folder."""
    port = free_port()
    product = Product(f"http://127.0.0.1:{port}", folder / "data", folder / "up.txt")
    with product.output.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "testbed.ops.up"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(product.data, port),
            cwd=embedded.REPOSITORY,
            start_new_session=True,
        )
        try:
            _wait_until_serving(process, product)
            yield product
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_S)
            embedded.remove(product.data)


def _environment(data: Path, port: int) -> dict[str, str]:
    """As a user's shell would have it: nothing of the tests' own servers."""
    ours = ("DATABASE_URL", "VALKEY_URL", "DJANGO_SETTINGS_MODULE")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("TESTBED_", "PYTEST_"))
    }
    return kept | {"TESTBED_DATA": str(data), "PORT": str(port), "PYTHONUNBUFFERED": "1"}


def _wait_until_serving(process: subprocess.Popen[bytes], product: Product) -> None:
    deadline = time.monotonic() + UP_S
    while "Ctrl-C" not in product.output.read_text():
        said = product.output.read_text()
        assert process.poll() is None, f"make up ended:\n{said}"
        assert time.monotonic() < deadline, f"make up takes too long:\n{said}"
        time.sleep(0.3)
