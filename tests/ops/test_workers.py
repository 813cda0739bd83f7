"""Which queues a worker host reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from testbed.ops import workers
from testbed.ops.checks import worker_queues
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
