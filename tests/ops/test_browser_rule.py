"""Browser tests are skipped and named without Chromium, and refused in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from testbed.ops.embedded import REPOSITORY

TESTS = """
import pytest

@pytest.mark.browser
def test_a_page(): ...

def test_a_number(): ...
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_two.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = browser\n")
    kept = {key: text for key, text in os.environ.items() if key != "CI" and "XDIST" not in key}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.browser", "-p", "no:django", str(folder)],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_chromium_they_are_counted_and_named(tmp_path: Path) -> None:
    done = run(tmp_path, TESTBED_CHROMIUM="/no/chromium")

    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert "1 browser tests skipped: no Chromium on this machine" in done.stdout
    assert "test_two.py::test_a_page" in done.stdout


def test_in_ci_they_must_run(tmp_path: Path) -> None:
    done = run(tmp_path, TESTBED_CHROMIUM="/no/chromium", CI="true")

    assert done.returncode != 0
    assert "1 browser tests must run in CI" in done.stdout + done.stderr


def test_with_a_chromium_they_run(tmp_path: Path) -> None:
    done = run(tmp_path, TESTBED_CHROMIUM=sys.executable, CI="true")

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
