"""`make test`: Chromium where it can be had, then every test, in random order, on two cores.

python -m testbed.ops.testing [pytest's own arguments]
"""

from __future__ import annotations

import os
import subprocess
import sys

from testbed.ops import chromium
from testbed.ops.embedded import REPOSITORY


def main(arguments: list[str]) -> int:
    """Run the tests; pytest's exit code."""
    if chromium.find() is None:
        print("Chromium … ", end="", flush=True)
        path = chromium.install()
        print(path or "없음: 브라우저 시험을 건너뜁니다 · none: browser tests are skipped")
    # Four on two cores: tests wait for browsers, wires and leases as much as they compute.
    command = [sys.executable, "-m", "pytest", "-q", "-n", "4", "--dist", "loadgroup", *arguments]
    environment = dict(os.environ)
    # Tests start hundreds of processes: each would compile the product anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    child = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # The terminal told pytest too, which stops its servers before it ends.
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
