"""Every way in which a step can fail has its sentence in both languages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.utils import translation

import instruments
from instruments.driver import JOB_STATES
from testbed.runs.choices import FAILURES, failure

ROOT = Path(instruments.__file__).parent


def codes() -> set[str]:
    """The codes that the programs of `instruments` fail with, as they are written there."""
    found = {state.lower() for state in JOB_STATES if state in ("ABORTED", "FAILED")}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Failed":
                found |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant)}
    return found


def test_every_code_has_a_sentence_and_none_is_left_over() -> None:
    assert set(FAILURES) == codes()


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_a_failure_speaks_the_readers_language(code: str) -> None:
    for language in ("ko", "en"):
        with translation.override(language):
            said = str(failure(f"{code}: Slots 3 are double, crossed or unreadable."))
            assert any("가" <= one <= "힣" for one in said) == (language == "ko")
    assert failure("NotConnected: refused") == ""
