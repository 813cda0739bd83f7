"""Whatever a client writes, a tool answers or refuses it once, and never falls over."""

from __future__ import annotations

import pytest

from instruments.fab.models import smu
from instruments.fab.models.base import ToolModel
from tests.instruments.conftest import KINDS
from tests.instruments.test_models import Bench

ARGUMENTS = (
    "", " ", '"', '""', '"x"', '"J000001"', '"J000001",', '"J000001",TEMP', '"t",1', '"t",26', "x",
    "1", "-1", "1.5", "1,2", "5,3", ",", ",,", "nan", "inf", "1e999", "1_0", "9" * 400, "0x10",
    "UP", "\ufffd", "1;2", ";", "é", "\x00", '"W1"', '"F1"', "NONE", "TRUE",
)  # fmt: skip
ENDLESS = ("SYST:ERR",)
"""What reads the queue of errors cannot be judged by it."""


def heads(kind: str, tool: ToolModel) -> list[str]:
    """Every head of the tool, each asked and told, and some that nobody knows."""
    known = {head.removesuffix("?") for head in (*tool.handlers, *tool.settings_table)}
    if kind == "prober":
        known |= {*smu.SETTINGS, "READ", "MEAS:RES", "FORM:ELEM", "SENS:FUNC", "SENS:FUNC:ALL"}
    known |= {"", ":", "?", "FOO", "FOO:BAR", "*", "*FOO"}
    return sorted(known - set(ENDLESS))


CASES = [(kind, "docked") for kind in KINDS] + [("track", "idle"), ("track", "running")]


@pytest.mark.parametrize(("kind", "state"), CASES)
def test_every_line_is_answered_or_refused_once(kind: str, state: str) -> None:
    bench = Bench()
    tool = bench.tools[kind]
    if state != "idle":
        bench.dock(kind)
    for head in heads(kind, tool):
        for argument in ARGUMENTS:
            if state == "running":
                bench.say(kind, "SAFE", 'CARR:DOCK "F1"', f'JOB:STAR "r{len(tool.jobs)}",1')
            for mark in ("", "?"):
                line = f"{head}{mark} {argument}"
                tool.errors.clear()
                answer = tool.execute(line)
                if ";" in line:
                    continue
                assert len(tool.errors) <= 1, line
                if mark and line.strip(" :") != "":
                    assert (answer is None) == (len(tool.errors) == 1), line
                else:
                    assert answer is None, line
                assert answer is None or answer.endswith(b"\n"), line
