"""The fab as a process: its configuration, its refusal to start wrongly, its control channel."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from instruments.fab import memory as memory_module
from instruments.fab.__main__ import main
from instruments.fab.config import BadConfig, default_config, parse_config, read_config
from instruments.fab.control import ControlError, ControlServer, FabControl
from instruments.fab.faults import Fault, Faults
from instruments.fab.memory import Memory, NoMemory
from instruments.fab.models import base
from instruments.fab.wires.channel import ToolPower
from instruments.link import parse_resource
from tests.instruments.conftest import KINDS, WIRES, Fab
from tests.instruments.test_models import Bench

TOOL: dict[str, Any] = {"kind": "scanner", "name": "S", "serial": "1", "wires": {"socket": 0}}


def test_the_default_fab_has_one_of_each() -> None:
    config = default_config(seed=4, scale=10)
    assert [tool.kind for tool in config.tools] == list(KINDS)
    assert all(set(tool.wires) == set(WIRES) for tool in config.tools)


def test_a_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fab.json"
    raw = {"tools": [TOOL], "seed": 9, "scale": 50, "control_port": 0}
    path.write_text(json.dumps(raw))
    config = read_config(path)
    assert (config.seed, config.scale, config.tools[0].wires) == (9, 50.0, {"socket": 0})


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ({}, "tools"),
        ({"tools": [TOOL | {"kind": "toaster"}]}, "toaster"),
        ({"tools": [TOOL | {"wires": {"gpib": 1}}]}, "gpib"),
        ({"tools": [TOOL, TOOL]}, "share a name"),
        ({"tools": [TOOL], "scale": 0}, "positive"),
        ({"tools": [{"kind": "scanner"}]}, "wires"),
        ({"tools": 7}, "mistypes"),
    ],
)
def test_a_bad_configuration_is_named(raw: dict[str, Any], word: str) -> None:
    with pytest.raises(BadConfig, match=word):
        parse_config(raw)


def test_what_cannot_start_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fab.json"
    path.write_text("{")
    assert main(["--config", str(path)]) == 2
    assert "not JSON" in capsys.readouterr().err
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        path.write_text(json.dumps({"tools": [TOOL | {"wires": {"socket": port}}]}))
        assert main(["--config", str(path)]) == 2
    assert "cannot start" in capsys.readouterr().err


def test_an_interrupt_ends_it_quietly(tmp_path: Path) -> None:
    ports_file = tmp_path / "ports.json"
    script = (
        "import os, signal, sys, threading, time\n"
        "from pathlib import Path\n"
        "from instruments.fab.__main__ import main\n"
        f"ports = Path({str(ports_file)!r})\n"
        "def stop():\n"
        "    while not ports.exists(): time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=stop).start()\n"
        "sys.exit(main(['--ports-file', str(ports)]))\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_ports_file_names_every_resource(fab_process: Fab) -> None:
    tools = fab_process.ports["tools"]
    assert {tool["kind"] for tool in tools.values()} == set(KINDS)
    for tool in tools.values():
        for wire, name in tool["resources"].items():
            found = parse_resource(name)
            assert (found.wire, found.port) == (wire, tool["ports"][wire])


def test_control_answers_in_sentences(no_faults: Fab) -> None:
    control = no_faults.control
    control.ping()
    calls: dict[str, Any] = {
        "no wafer": lambda: control.truth("NOBODY"),
        "no tool": lambda: control.counters("NOBODY"),
        "none of": lambda: control.fault("SCN-1", "", "gremlin"),
        "slots are": lambda: control.deliver("F", {99: "W"}),
    }
    for word, call in calls.items():
        with pytest.raises(ControlError, match=word):
            call()


def test_a_delivery_takes_the_carrier_off_an_idle_tool(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool = fab.tool("track")
    tool.dock(carrier)
    fab.control.deliver(carrier, {5: wafers[0].wafer_id})
    assert tool.port()[0] == "EMPTY"


def test_control_survives_nonsense(no_faults: Fab) -> None:
    address = ("127.0.0.1", no_faults.ports["control_port"])
    with socket.create_connection(address, timeout=2) as raw, raw.makefile("rb") as lines:
        for line in (b"{\n", b"[]\n", b'{"do": "nothing"}\n', b'{"do": "truth"}\n', b"7\n"):
            raw.sendall(line)
            assert json.loads(lines.readline())["ok"] is False
        raw.sendall(b'{"do": "ping"}\n')
        assert json.loads(lines.readline()) == {"ok": True, "result": "pong"}


def test_the_last_freeze_counts() -> None:
    async def scene() -> list[bool]:
        power = ToolPower(Bench(wafers=0).tools["scanner"])
        power.freeze(0.01)
        power.freeze(0.2)
        await asyncio.sleep(0.05)
        seen = [power.is_frozen]
        power.freeze(0.0)
        await asyncio.sleep(0.01)
        return [*seen, power.is_frozen]

    assert asyncio.run(scene()) == [True, False]


def test_a_fab_that_is_not_there_is_a_control_error() -> None:
    with pytest.raises(ControlError, match="does not answer"):
        FabControl("127.0.0.1", 1).ping()


def test_faults_skip_count_and_match() -> None:
    faults = Faults()
    faults.arm(Fault("close", tool="A", match="job:star", skip=1, count=2))
    hits = [faults.take("A", "socket", 'JOB:STAR "t",1') is not None for _ in range(4)]
    assert hits == [False, True, True, False]
    assert not faults.any_armed()
    faults.arm(Fault("close", tool="A", wire="hislip"))
    assert faults.take("B", "hislip", "X") is None
    assert faults.take("A", "socket", "X") is None
    faults.clear()
    assert faults.take("A", "hislip", "X") is None


def test_wafers_and_job_logs_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    before, after = Bench(wafers=2), Bench(wafers=0)
    before.print_wafers(wafers=2)
    before.process("cd_sem", wafers=1)
    before.dock("track", "TRK:OPER COAT", 'COAT:RES "R1"')
    before.say("track", 'JOB:STAR "cut",1')
    Memory(path, before.world, before.tools).save()

    Memory(path, after.world, after.tools).recall()
    assert after.world.wafers == before.world.wafers
    assert after.world.carriers == before.world.carriers
    assert after.say("track", 'JOB:STAT? "J000005"').startswith("ABORTED,0.0000,0.0000,-240")
    assert after.say("track", "CARR:STAT?") == 'DOCKED,"F1",0.0000'
    for line in ("COUN:WAF?", "COUN:PULS?"):
        assert after.say("scanner", line) == before.say("scanner", line) != "0"
    # Whoever waits for a bake has waited as long as before, not since the fab came back.
    assert after.clock.now() == before.clock.now() > after.world.wafer("W1").exposed_at > 0
    for line in ('TRAC:DATA? "J000001",DOSE', 'TRAC:DATA? "J000002",STX'):
        assert after.say("scanner", line) == before.say("scanner", line) != ""
    assert after.say("cd_sem", 'DATA:SITE? "J000001"') == before.say(
        "cd_sem", 'DATA:SITE? "J000001"'
    )
    after.say("scanner", 'CARR:DOCK "F1"')
    after.clock.pass_(12)
    after.say("scanner", 'JOB:STAR "scanner-0",1')
    assert after.tools["scanner"].counters["starts"] == 2


def test_memory_is_written_only_when_something_changed(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    bench = Bench()
    memory = Memory(path, bench.world, bench.tools)
    memory.save()
    path.unlink()
    bench.say("scanner", "*IDN?", "LAY:KIND FEM")
    memory.save()
    assert not path.exists()
    bench.say("scanner", "SAFE")
    memory.save()
    assert path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1, "seed": 99}'])
def test_a_memory_of_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "memory.json"
    path.write_text(text)
    bench = Bench()
    with pytest.raises(NoMemory):
        Memory(path, bench.world, bench.tools).recall()
    assert set(bench.world.wafers) == {"W1"}


def test_no_memory_yet_is_an_empty_fab(tmp_path: Path) -> None:
    bench = Bench(wafers=0)
    Memory(tmp_path / "none.json", bench.world, bench.tools).recall()
    assert bench.world.wafers == {}


def test_only_what_changed_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a thousand wafers on his floor must not describe them all each second."""
    bench, written = Bench(wafers=25), []
    memory = Memory(tmp_path / "memory.json", bench.world, bench.tools)
    bench.process("film", wafers=5)
    memory.save()
    real = memory_module._flat
    monkeypatch.setattr(memory_module, "_flat", lambda w: written.append(w.wafer_id) or real(w))
    bench.dock("film")
    bench.say("film", 'JOB:STAR "more",3')
    memory.save()
    bench.clock.pass_(500)
    memory.save()
    assert written == ["W3", "W3"]
    bench.say("film", "CARR:UND")
    bench.tools["film"].restart(lose_memory=True)
    bench.process("film", wafers=1)
    memory.save()
    assert written == ["W3", "W3", "W1"]
    after = Bench(wafers=0)
    Memory(tmp_path / "memory.json", after.world, after.tools).recall()
    assert after.world.wafers == bench.world.wafers
    assert after.tools["film"].jobs == bench.tools["film"].jobs


@pytest.mark.parametrize("lasts", [False, True])
def test_results_are_kept_for_the_last_jobs_and_tokens_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasts: bool
) -> None:
    for module in (base, memory_module):
        monkeypatch.setattr(module, "JOBS_WITH_DATA", 3)
    bench = Bench(wafers=5)
    bench.process("cmp", wafers=5)
    if lasts:
        path = tmp_path / "memory.json"
        Memory(path, bench.world, bench.tools).save()
        bench = Bench(wafers=0)
        Memory(path, bench.world, bench.tools).recall()
    jobs = bench.tools["cmp"].jobs
    assert [bool(job.data) for job in jobs.values()] == [False, False, True, True, True]
    for line in ('POL:REM? "J000001"', 'TRAC:DATA? "J000002",MCUR', 'TRAC:DT? "J000002",MCUR'):
        assert bench.say("cmp", line, "SYST:ERR?").startswith("-241")
    assert float(bench.say("cmp", 'POL:REM? "J000003"')) > 0
    assert bench.say("cmp", 'JOB:FIND? "cmp-0"') == "J000001"
    assert bench.say("cmp", 'JOB:STAT? "J000001"').startswith("DONE,1.0000")


def test_no_delivery_takes_a_wafer_out_of_a_running_job() -> None:
    bench = Bench(wafers=2)
    powers = {kind: ToolPower(tool) for kind, tool in bench.tools.items()}
    server = ControlServer(bench.world, Faults(), powers, 0)

    def deliver(carrier_id: str, wafer_id: str) -> bool:
        asked = {"do": "deliver", "carrier_id": carrier_id, "wafers": {"3": wafer_id}}
        return bool(server._answer(json.dumps(asked).encode())["ok"])

    bench.dock("film")
    bench.say("film", 'JOB:STAR "t",1')
    assert not deliver("F2", "W1")
    assert bench.world.carrier("F1").slots == {1: "W1", 2: "W2"}
    assert deliver("F2", "W2")
    assert bench.world.carrier("F1").slots == {1: "W1"}
    bench.clock.pass_(500)
    assert deliver("F3", "W1")
    assert bench.world.carrier("F1").slots == {}
