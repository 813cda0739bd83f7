"""`make lint`: every check that needs no running product; all of them run, then one verdict."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from testbed.ops import sizes
from testbed.ops.embedded import REPOSITORY

BIN = Path(sys.executable).parent
# What a real deployment sets; with it Django's own deployment checks must be silent.
DEPLOYED = {
    "TESTBED_HTTPS": "1",
    "TESTBED_SECRET_KEY": "kept-long-and-varied-for-the-deployment-check-0123456789-abcdef",
}


@dataclass(frozen=True)
class Check:
    """A command that must end with 0."""

    name: str
    words: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self) -> tuple[int, str, float]:
        """Exit code, what it printed, seconds."""
        began = time.monotonic()
        done = subprocess.run(
            [str(BIN / self.words[0]), *self.words[1:]],
            cwd=REPOSITORY,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr, time.monotonic() - began


def checks() -> list[Check]:
    """Everything that is checked; the slow ones first."""
    templates = [str(path) for path in sorted(REPOSITORY.glob("testbed/**/templates/**/*.html"))]
    manage = ["python", "manage.py"]
    found = [
        Check("types (mypy)", ["mypy"]),
        Check("code (ruff check)", ["ruff", "check", "."]),
        Check("format (ruff format)", ["ruff", "format", "--check", "."]),
        Check("floors (import-linter)", ["lint-imports", "--no-logo"]),
        Check("migrations", [*manage, "makemigrations", "--check", "--dry-run"]),
        Check("wiring (manage.py check)", [*manage, "check", "--fail-level", "WARNING"]),
        Check(
            "deployment (manage.py check --deploy)",
            [*manage, "check", "--deploy", "--fail-level", "WARNING"],
            DEPLOYED,
        ),
    ]
    if templates:
        target = ["djade", "--check", "--target-version", "5.2"]
        found.append(Check("templates (djade)", [*target, *templates]))
        found.append(Check("templates (djlint)", ["djlint", "--lint", "--quiet", *templates]))
    return found


def main() -> int:
    """Run every check, two at a time; 1 when one failed, its words printed."""
    failed = []
    with ThreadPoolExecutor(2) as pool:
        running = [(check, pool.submit(check.run)) for check in checks()]
        for check, future in running:
            code, said, seconds = future.result()
            print(f"{'ok  ' if code == 0 else 'FAIL'}  {check.name}  {seconds:.1f} s", flush=True)
            if code:
                failed.append(check.name)
                print(said, flush=True)
    too_long = sizes.findings(REPOSITORY)
    print(f"{'FAIL' if too_long else 'ok  '}  sizes", *too_long, sep="\n      ")
    return 1 if failed or too_long else 0


if __name__ == "__main__":
    sys.exit(main())
