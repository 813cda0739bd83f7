"""What the operators' page says of dying parts is tested: every test that it names exists."""

from __future__ import annotations

import re

from testbed.ops.embedded import REPOSITORY


def test_every_test_that_the_page_names_exists() -> None:
    page = (REPOSITORY / "docs" / "operators.md").read_text()
    named = set(re.findall(r"\b(test_[a-z_]{20,})", page))
    written = {
        name
        for folder in ("crash", "runs")
        for path in (REPOSITORY / "tests" / folder).glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) >= 6
    assert named <= written
