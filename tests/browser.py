"""Tests marked `browser` need a real Chromium: without one they are skipped and named, and in
CI they fail instead.

Loaded with `-p tests.browser`. Chromium is the machine's own (`make test` installs it where it
can), or the one that TESTBED_CHROMIUM names.
"""

from __future__ import annotations

import os

import pytest

from testbed.ops.chromium import find

MISSING = "no Chromium on this machine"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs a browser when there is none; refuse to begin when CI has none."""
    wanting = [item for item in items if item.get_closest_marker("browser")]
    if not wanting or find() is not None:
        return
    if os.environ.get("CI"):
        raise pytest.UsageError(
            f"{len(wanting)} browser tests must run in CI, and there is {MISSING}"
        )
    for item in wanting:
        item.add_marker(pytest.mark.skip(reason=MISSING))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every browser test that did not run."""
    reports = terminalreporter.getreports("skipped")
    names = [each.nodeid for each in reports if "browser" in getattr(each, "keywords", {})]
    if names:
        terminalreporter.section(f"{len(names)} browser tests skipped: {MISSING}")
        for name in sorted(names):
            terminalreporter.line(name)
