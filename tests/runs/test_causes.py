"""Whatever can go wrong has its sentences in both languages, before the technical words."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.html import escape

import instruments
import testbed.runs
from instruments import errors
from instruments.driver import JOB_STATES
from testbed.people.models import User
from testbed.runs import log, moves
from testbed.runs.attempt import Undecided
from testbed.runs.causes import ERRORS, FAILURES, SCPI, UNCLEAR, UNFORESEEN, cause_of, told
from testbed.runs.models import Step
from tests.runs.floor import Floor
from tests.runs.test_control import held

ROOT = Path(instruments.__file__).parent
HANGUL = re.compile("[가-힣]")
EVERY = [*FAILURES.values(), *ERRORS.values(), *UNCLEAR.values(), *SCPI.values(), UNFORESEEN]
REFUSED = 'Rejected: LAY:DOSE:STAR 5,"x: 7": -222, Data out of range'


def calls(folder: Path, *names: str) -> Iterator[ast.Call]:
    """Every call of a function or class of one of these names."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
                yield node


def codes() -> set[str]:
    """The codes that the programs of `instruments` fail with, as they are written there."""
    found = {state.lower() for state in JOB_STATES if state in ("ABORTED", "FAILED")}
    for call in calls(ROOT, "Failed"):
        found |= {a.value for a in call.args[:1] if isinstance(a, ast.Constant)}
    return found


def scpi_codes() -> set[int]:
    """The codes that our tools' error queues may hold: of the common page and of every model."""
    table = re.findall(r"^\| (−?\d+) \|", (ROOT / "common.md").read_text(), re.M)
    assert table
    found = {int(code.replace("−", "-")) for code in table}
    return found | {ast.literal_eval(call.args[0]) for call in calls(ROOT / "fab", "Refuse")}


def test_every_code_has_a_sentence_and_none_is_left_over() -> None:
    assert set(FAILURES) == codes()


def test_every_error_of_the_machine_side_has_a_sentence() -> None:
    known = {
        name for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, errors.InstrumentError)
    }  # fmt: skip
    assert set(ERRORS) == known - {"InstrumentError"} | {"EmergencyStop"}


def test_every_code_of_an_error_queue_has_a_sentence() -> None:
    assert set(SCPI) == scpi_codes()


def test_what_the_engine_says_itself_has_a_sentence() -> None:
    folder = Path(testbed.runs.__file__).parent
    texts = [
        part.value
        for path in folder.rglob("*.py")
        for part in ast.walk(ast.parse(path.read_text()))
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    said = {kind for kind in UNCLEAR if any(text.startswith(f"{kind}: ") for text in texts)}
    assert said == set(UNCLEAR)
    for call in calls(folder, "Undecided"):
        words = call.args[1:2]
        if words and isinstance(words[0], ast.Constant):
            assert words[0].value.partition(":")[0] in UNCLEAR


@pytest.mark.parametrize("cause", EVERY, ids=lambda one: str(one.happened)[:40])
def test_each_says_what_happened_and_what_to_do_in_the_readers_language(cause: Any) -> None:
    for language in ("ko", "en"):
        with translation.override(language):
            for sentence in map(str, cause):
                assert bool(HANGUL.search(sentence)) == (language == "ko"), sentence
                assert sentence[-1] in ".?"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("slot_map_mismatch: Slots 3 are double.", FAILURES["slot_map_mismatch"]),
        ("Timeout: STAT?: no answer within 2 s", ERRORS["Timeout"]),
        ("Timeout", ERRORS["Timeout"]),
        (REFUSED, SCPI[-222]),
        ("Interlock: -221, Settings conflict; wafer W is bare", SCPI[-221]),
        ("Interlock: slot 3 holds nothing instead of W", ERRORS["Interlock"]),
        ("Rejected: SAFE: -310, System error", ERRORS["Rejected"]),
        ("Garbled: SYST:ERR? answered: -222, x", ERRORS["Garbled"]),
        ("ZeroDivisionError: division by zero", UNFORESEEN),
        # How far a step is, in one word of the tool, is no error.
        ("exposing", None),
        ("words without a kind", None),
        ("", None),
    ],
)
def test_an_error_is_known_by_its_kind_and_a_refusal_by_its_code(error: str, cause: Any) -> None:
    assert cause_of(error) is cause


def test_an_error_in_a_sentence_keeps_its_technical_words() -> None:
    with translation.override("ko"):
        assert told(REFUSED) == f"값이 장비가 허용하는 범위를 벗어났습니다. ({REFUSED})"
        assert told("words without a kind") == "words without a kind"


def test_a_trouble_is_noted_by_the_error_it_came_from() -> None:
    trouble = Undecided("unreachable", errors.Timeout("SAFE: no answer within 2 s"))
    assert moves.in_words(trouble) == "Timeout: SAFE: no answer within 2 s"
    assert moves.in_words(errors.Garbled("x")) == "Garbled: x"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_held_run_says_it_first_and_shows_the_evidence_after(
    floor: Floor, sign_in: Callable[[User], Client], alice: User, language: str
) -> None:
    run = held(floor, "failed", error=REFUSED)
    address, headers = f"/runs/{run.pk}/", {"accept-language": language}
    page = sign_in(floor.technician).get(address, headers=headers).content.decode()
    theirs = sign_in(alice).get(address, headers=headers).content.decode()
    with translation.override(language):
        happened, next_step = (escape(str(one)) for one in SCPI[-222])
    for text in (page, theirs):
        assert f"{happened}<br><small><code>{escape(REFUSED)}</code>" in text
    # What to do at the tool is for those who may.
    assert next_step in page
    assert next_step not in theirs


def test_the_log_speaks_the_readers_language(floor: Floor) -> None:
    run = floor.start("coat")
    events = [
        log.append(run=run, kind="step.failed", step=3, error=REFUSED),
        log.append(run=run, kind="tool.safe_failed", error="no_answer: SAFE was not answered"),
        log.append(run=run, kind="tool.says", step=3, says="failed", message="aborted: cut (4 %)."),
        log.append(run=run, kind="tool.says", step=3, says="running", message="exposing"),
    ]
    with translation.override("ko"):
        failed, unsafe, aborted, running = map(log.sentence, events)
    assert f"값이 장비가 허용하는 범위를 벗어났습니다. ({REFUSED})" in failed
    assert "장비가 안전 상태로 갔다고 확인하지 않았습니다. (no_answer: " in unsafe
    assert "끝까지 하지 못하고 중단했습니다. (aborted: cut (4 %).)" in aborted
    assert running.endswith("exposing")
    assert log.verify(run).whole


def test_the_api_tells_what_an_error_means_beside_its_words(
    floor: Floor, api: Callable[[User], Any]
) -> None:
    run = held(floor, "failed", error=REFUSED)
    Step.objects.filter(run=run, state="failed").update(message=REFUSED)
    client = api(floor.technician)
    for language in ("ko", "en"):
        found = client.get(f"/api/v1/runs/{run.pk}/", headers={"accept-language": language}).json()
        with translation.override(language):
            cause = {key: str(one) for key, one in SCPI[-222]._asdict().items()}
        assert found["cause"] == cause
        assert found["evidence"]["error"] == REFUSED
        steps = {step["state"]: step for step in found["steps"]}
        assert (steps["failed"]["cause"], steps["failed"]["message"]) == (cause, REFUSED)
        assert steps["pending"]["cause"] is None
