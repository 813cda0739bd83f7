"""Which queues a worker host reads."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from testbed.ops import up, workers
from testbed.ops.checks import worker_queues
from testbed.ops.supervisor import Line, read_procfile
from testbed.ops.trouble import Trouble
from testbed.tools.models import Area
from tests.conftest import make_tool


@pytest.fixture
def bays(db: None) -> None:
    """Two tools of lithography, one of metrology, and one that is on no wire."""
    for code, area in (("scanner", Area.LITHO), ("track", Area.LITHO), ("cd-sem", Area.METROLOGY)):
        make_tool(code, area=area, visa_resource=f"TCPIP::{code}::hislip0::INSTR")
    make_tool("microscope", area=Area.METROLOGY)


def queues(*bays: str, together: bool = False) -> dict[str, list[str]]:
    found = workers.lines(bays, together=together)
    return {line.name: worker_queues(line) for line in found}


def test_a_host_reads_the_queues_of_its_bays_and_no_other(bays: None) -> None:
    assert queues("litho") == {"scanner": ["tool.scanner"], "track": ["tool.track"]}
    assert queues("metrology") == {"cd-sem": ["tool.cd-sem"]}


def test_a_bay_may_have_one_worker_for_all_its_tools(bays: None) -> None:
    assert queues("litho", "metrology", together=True) == {
        "litho": ["tool.scanner", "tool.track"],
        "metrology": ["tool.cd-sem"],
    }


def test_bays_are_chosen_by_name_and_all_of_them_by_none() -> None:
    assert workers.chosen_bays(" metrology, litho ") == ["litho", "metrology"]
    assert workers.chosen_bays("") == list(workers.ALL)
    with pytest.raises(Trouble, match="lihto"):
        workers.chosen_bays("lihto")


def test_a_bay_without_tools_on_a_wire_is_a_sentence(bays: None) -> None:
    with pytest.raises(CommandError, match="etch"):
        call_command("run_workers", bays="etch")


def test_two_starts_in_one_folder_do_not_share_queues(tmp_path: Path) -> None:
    with workers._alone(tmp_path), pytest.raises(Trouble), workers._alone(tmp_path):
        pass


def test_a_host_says_its_workers_as_lines_of_a_procfile(bays: None, tmp_path: Path) -> None:
    said = StringIO()
    call_command("run_workers", "--list", bays="litho", stdout=said)
    procfile = tmp_path / "Procfile"
    procfile.write_text(said.getvalue())
    assert read_procfile(procfile) == workers.lines(["litho"])


@pytest.mark.parametrize(
    ("bays", "started", "carries"),
    [
        ("", ["web", "scanner", "cd-sem", "beat"], True),
        ("litho", ["web", "beat", "track"], False),
        (" metrology , litho", ["web", "beat", "track"], True),
    ],
)
def test_make_up_starts_the_tool_workers_of_its_bays_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bays: str, started: list[str], carries: bool
) -> None:
    monkeypatch.setenv("TESTBED_BAYS", bays)
    listed = "printf '%s\n' 'A warning: nothing' 'track: $$PYTHON -m celery -Q tool.track'"
    said = StringIO()
    run = up.Up(tmp_path, up.Plan(workers=listed, sample="false"), once=True, out=said)
    lines = [Line("web", "w"), Line("scanner", "$PYTHON -m celery -Q tool.scanner"),
             Line("cd-sem", "$PYTHON -m celery -Q tool.cd-sem"), Line("beat", "b")]  # fmt: skip
    assert [line.name for line in run._of_the_bays(lines)] == started
    assert run._carry_sample() is not carries
    assert ("the sample job is left out" in said.getvalue()) is not carries


def test_a_bay_that_there_is_not_keeps_make_up_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTBED_BAYS", "lihto")
    run = up.Up(tmp_path, up.Plan(workers="sh -c 'echo no bay lihto; exit 1'"), once=True)
    with pytest.raises(Trouble, match="no bay lihto"):
        run._of_the_bays([Line("web", "w")])
