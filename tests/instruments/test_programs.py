"""Runs on the simulated fab: the main job, tokens, restarts, interlocks, abort."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.carrier_program import CarrierProgram
from instruments.catalogue import PLANS, TOOLS
from instruments.driver import ScpiTool, Setting
from instruments.errors import (
    ConnectionLost,
    HistoryLost,
    InstrumentError,
    Interlock,
    Mismatch,
    Rejected,
    Timeout,
)
from instruments.jobs import Done, Failed, NotStarted, Progress, StepOrder, WaferOrder
from instruments.recipe_fields import filled
from instruments.scanner.steps import field_settings, full_fields
from tests.instruments.conftest import (
    COAT,
    DEVELOP,
    FEM,
    KINDS,
    MEASURE,
    WIRES,
    Fab,
    carry_out,
    finish,
    unhurried,
    with_tokens,
)


def smallest(kind: str) -> dict[str, Any]:
    """A recipe of the fields that must be given, each the first word or the middle of its range."""
    recipe: dict[str, Any] = {}
    for one in carrier_program(kind).fields({}):
        entry, owner = one.entry, recipe
        if one.default is not None:
            continue
        *groups, last = one.path.split(".")
        for name in groups:
            owner = owner.setdefault(name, {})
        if isinstance(entry, Setting):
            middle = (entry.low + entry.high) / 2  # type: ignore[operator]
            owner[last] = round(middle) if entry.whole else middle
        else:
            owner[last] = next(iter(one.words or entry.choices), "A.1")
    return recipe


def carrier_program(kind: str) -> CarrierProgram:
    """The program of a tool with a load port."""
    return cast(CarrierProgram, TOOLS[kind].program)


def other(kind: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe with one number that is neither its own nor the tool's default."""
    for one in carrier_program(kind).fields(recipe):
        entry = one.entry
        if not isinstance(entry, Setting) or entry.ramp or entry.whole or "." in one.path:
            continue
        low, high = entry.low, entry.high
        assert low is not None
        assert high is not None
        value, step = filled(recipe, [one])[one.path], (high - low) / 17
        return recipe | {one.path: value - step if value - step > low else value + step}
    raise AssertionError(f"{kind} has no number to change")


RECIPES: dict[str, dict[str, Any]] = {
    **{kind: smallest(kind) for kind in KINDS},
    "scanner": FEM,
    "track": COAT,
    "cd_sem": MEASURE,
    "film": {"target_nm": 100.0, "averages": 1},
}
SLOW = 8.0


def expose_order(fab: Fab, tool: ScpiTool, carrier: str, wafers: list[WaferOrder]) -> StepOrder:
    """Dock and set the scanner for coated wafers; the first wafer's exposure, not begun yet."""
    carry_out(fab.tool("track"), "track", COAT, wafers, carrier)
    steps = with_tokens(TOOLS["scanner"].program.plan(FEM, wafers, carrier))
    for step in steps[:2]:
        assert isinstance(finish(tool, "scanner", step), Done)
    return steps[2]


@pytest.mark.parametrize("wire", WIRES)
def test_the_main_job(fab: Fab, wire: str) -> None:
    carrier, wafers = fab.carrier(2)
    before = fab.control.double_exposures()
    for kind, recipe in (("track", COAT), ("scanner", FEM), ("track", DEVELOP)):
        carry_out(fab.tool(kind, wire), kind, recipe, wafers, carrier)
    results = carry_out(fab.tool("cd_sem", wire), "cd_sem", MEASURE, wafers, carrier)
    for result in results[2:-1]:
        cds = {(s.field_col, s.field_row): s for s in result.sites if s.key == "cd"}
        assert set(cds) == set(full_fields())
        assert cds[5, 0].value > cds[5, 3].value > cds[5, 6].value
        assert all(math.isnan(s.value) == (s.quality == "NOT_RESOLVED") for s in result.sites)
    assert fab.control.wafer(wafers[0].wafer_id)["state"] == "developed"
    assert fab.control.double_exposures() == before


def test_the_scanner_leaves_traces_and_the_settings_of_each_field(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    carry_out(fab.tool("track"), "track", COAT, wafers, carrier)
    results = carry_out(fab.tool("scanner"), "scanner", FEM, wafers, carrier)
    pulses, traces = results[2].readings[0], results[3]
    assert {trace.key for trace in traces.traces} == {"dose", "focus_error", "stage_x", "stage_y"}
    assert all(len(trace.samples) == 3648 for trace in traces.traces)
    assert all(trace.samples.dtype == "float32" for trace in traces.traces)
    duration = traces.traces[0].dt_s * 3648
    assert duration == pytest.approx(28.0, rel=1e-6)
    doses = {(s.field_col, s.field_row): s.value for s in traces.sites if s.key == "dose_set"}
    assert doses == {at: dose for at, (dose, _) in field_settings(FEM["layout"]).items()}
    assert pulses.value == pytest.approx(6 * sum(doses.values()), rel=0.01)


def test_the_same_token_never_exposes_twice(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool("scanner"), TOOLS["scanner"].program
    order = expose_order(fab, tool, carrier, wafers)
    assert program.reconcile(tool, order) == NotStarted()
    before = fab.control.counters("SCN-1")
    outcomes = [finish(tool, "scanner", order) for _ in range(3)]
    tool.link.command(f'JOB:STAR "{order.token}",{order.slot}')
    after = fab.control.counters("SCN-1")
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert after["starts"] - before["starts"] == 1
    assert after["wafers_exposed"] - before["wafers_exposed"] == 1
    assert after["double_exposures"] == before["double_exposures"]
    assert isinstance(program.reconcile(tool, order), Done)


def test_another_token_would_expose_twice_and_the_world_counts_it(fab: Fab) -> None:
    """The race that tokens prevent is real: without one, the wafer is exposed again."""
    carrier, wafers = fab.carrier()
    tool = fab.tool("scanner")
    order = expose_order(fab, tool, carrier, wafers)
    before = fab.control.double_exposures()
    assert isinstance(finish(tool, "scanner", order), Done)
    assert isinstance(finish(tool, "scanner", replace(order, token="another")), Done)
    assert fab.control.double_exposures() == before + 1
    assert fab.control.wafer(order.wafer_id or "")["exposures"] == 2


@pytest.mark.parametrize("fault", ["close", "no_reply", "reset", "never_opc", "garbage"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_start_whose_answer_is_lost_is_found_by_its_token(
    fab: Fab, wire: str, fault: str
) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool("scanner", wire, 0.3), TOOLS["scanner"].program
    order = expose_order(fab, tool, carrier, wafers)
    before = fab.control.counters("SCN-1")["starts"]
    fab.control.fault("SCN-1", wire, fault, match="JOB:STAR")
    with pytest.raises(InstrumentError) as caught:
        program.begin(tool, order)
    assert caught.value.outcome_unknown
    outcome = program.reconcile(tool, order)
    assert isinstance(outcome, (Progress, Done))
    assert isinstance(finish(tool, "scanner", order), Done)
    assert fab.control.counters("SCN-1")["starts"] == before + 1


def test_a_power_cut_in_mid_exposure_is_aborted_not_unknown(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool("scanner"), TOOLS["scanner"].program
    order = expose_order(fab, tool, carrier, wafers)
    fab.control.rescale(SLOW)
    assert isinstance(program.begin(tool, order), Progress)
    time.sleep(2.2)
    fab.control.restart("SCN-1")
    time.sleep(0.3)
    outcome = program.reconcile(tool, order)
    assert isinstance(outcome, Failed)
    assert outcome.code == "aborted"
    wafer = fab.control.wafer(order.wafer_id or "")
    assert 0 < wafer["fields"] < 57
    assert program.begin(tool, order) == outcome
    assert tool.link.ask("LAY:KIND?") == "UNI"


def test_a_tool_that_lost_its_job_log_proves_nothing(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool("track"), TOOLS["track"].program
    steps = with_tokens(program.plan(COAT, wafers, carrier))
    for step in steps[:3]:
        assert isinstance(finish(tool, "track", step), Done)
    fab.control.restart("TRK-1", lose_memory=True)
    time.sleep(0.3)
    with pytest.raises(HistoryLost) as caught:
        program.reconcile(tool, steps[2])
    assert caught.value.outcome_unknown
    fab.control.restore_memory("TRK-1")


def test_abort_ends_the_exposure_and_leaves_the_tool_safe(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool("scanner"), TOOLS["scanner"].program
    order = expose_order(fab, tool, carrier, wafers)
    fab.control.rescale(SLOW)
    assert isinstance(program.begin(tool, order), Progress)
    time.sleep(1.8)
    assert fab.control.state("SCN-1")["shutter_open"]
    before = fab.control.counters("SCN-1")["safes"]
    tool.abort()
    state = fab.control.state("SCN-1")
    assert (state["state"], state["shutter_open"], state["stage"]) == ("SAFE", False, "PARKED")
    assert fab.control.counters("SCN-1")["safes"] == before + 1
    outcome = program.poll(tool, order, tool.find_job(order.token))
    assert isinstance(outcome, Failed)
    assert outcome.code == "aborted"
    tool.abort()


def test_progress_grows_and_says_when_to_ask_again(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool("scanner"), TOOLS["scanner"].program
    order = expose_order(fab, tool, carrier, wafers)
    fab.control.rescale(80.0)
    seen: list[Progress] = []
    outcome = program.begin(tool, order)
    while isinstance(outcome, Progress):
        seen.append(outcome)
        time.sleep(0.1)
        outcome = program.poll(tool, order, outcome.handle)
    fractions = [one.fraction for one in seen]
    assert fractions == sorted(fractions)
    assert 3 <= len(seen) <= 7
    assert 0.3 < seen[0].poll_after_s <= 0.56
    assert isinstance(outcome, Done)


# ---------------------------------------------------------------- interlocks and slot maps
def test_an_uncoated_wafer_is_not_exposed(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool = fab.tool("scanner")
    steps = with_tokens(TOOLS["scanner"].program.plan(FEM, wafers, carrier))
    for step in steps[:2]:
        finish(tool, "scanner", step)
    with pytest.raises(Interlock, match="-221, .* is bare"):
        TOOLS["scanner"].program.begin(tool, steps[2])
    assert TOOLS["scanner"].program.reconcile(tool, steps[2]) == NotStarted()


@pytest.mark.parametrize(
    ("kind", "recipe", "word"),
    [("track", DEVELOP, "is bare"), ("cd_sem", MEASURE, "is bare"), ("scanner", FEM, "is bare")],
)
def test_a_wafer_in_the_wrong_state_is_refused(
    fab: Fab, kind: str, recipe: dict[str, Any], word: str
) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool(kind), TOOLS[kind].program
    steps = with_tokens(program.plan(recipe, wafers, carrier))
    for step in steps[:2]:
        finish(tool, kind, step)
    with pytest.raises(Interlock, match=word):
        program.begin(tool, steps[2])


def test_a_coated_wafer_is_not_coated_again(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool = fab.tool("track")
    carry_out(tool, "track", COAT, wafers, carrier)
    steps = with_tokens(TOOLS["track"].program.plan(COAT, wafers, carrier))
    for step in steps[:2]:
        finish(tool, "track", step)
    with pytest.raises(Interlock, match="is coated"):
        TOOLS["track"].program.begin(tool, steps[2])


def test_without_a_carrier_nothing_starts(fab: Fab) -> None:
    tool = fab.tool("scanner")
    with pytest.raises(Rejected) as caught:
        tool.start_job("token-without-carrier", 1)
    assert caught.value.code == -241


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mark", ["D", "X", "?"])
def test_an_odd_slot_map_fails_the_dock(fab: Fab, kind: str, mark: str) -> None:
    carrier, wafers = fab.carrier(3)
    slots = {one.slot: one.wafer_id for one in wafers}
    fab.control.deliver(carrier, slots, {7: mark})
    step = with_tokens(TOOLS[kind].program.plan(RECIPES[kind], wafers, carrier))[0]
    outcome = finish(fab.tool(kind), kind, step)
    assert isinstance(outcome, Failed)
    assert outcome.code == "slot_map_mismatch"
    assert "7" in outcome.message


def test_another_wafer_in_the_slot_fails_the_dock(fab: Fab) -> None:
    carrier, wafers = fab.carrier(2)
    expected = [wafers[0], replace(wafers[1], wafer_id="OTHER-02")]
    step = with_tokens(TOOLS["track"].program.plan(COAT, expected, carrier))[0]
    outcome = finish(fab.tool("track"), "track", step)
    assert isinstance(outcome, Failed)
    assert wafers[1].wafer_id in outcome.message


def test_a_missing_wafer_fails_the_dock(fab: Fab) -> None:
    carrier, _ = fab.carrier(1)
    step = with_tokens(TOOLS["track"].program.plan(COAT, [WaferOrder(9, "W9")], carrier))[0]
    outcome = finish(fab.tool("track"), "track", step)
    assert isinstance(outcome, Failed)
    assert "nothing" in outcome.message


def test_an_unknown_carrier_is_an_interlock(fab: Fab) -> None:
    step = with_tokens(TOOLS["track"].program.plan(COAT, [WaferOrder(1, "W")], "NOWHERE"))[0]
    with pytest.raises(Interlock, match="NOWHERE"):
        TOOLS["track"].program.begin(fab.tool("track"), step)


def test_a_carrier_left_behind_makes_room(fab: Fab) -> None:
    left, _ = fab.carrier()
    carrier, wafers = fab.carrier()
    tool = fab.tool("track")
    tool.dock(left)
    step = with_tokens(TOOLS["track"].program.plan(COAT, wafers, carrier))[0]
    assert isinstance(finish(tool, "track", step), Done)
    assert tool.port()[1] == carrier


def test_a_carrier_in_use_is_not_taken_away(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    track = fab.tool("track")
    steps = with_tokens(TOOLS["track"].program.plan(COAT, wafers, carrier))
    for step in steps[:2]:
        finish(track, "track", step)
    fab.control.rescale(20.0)
    assert isinstance(TOOLS["track"].program.begin(track, steps[2]), Progress)
    dock = with_tokens(TOOLS["scanner"].program.plan(FEM, wafers, carrier))[0]
    with pytest.raises(Interlock, match="in use at TRK-1"):
        TOOLS["scanner"].program.begin(fab.tool("scanner"), dock)


@pytest.mark.parametrize("kind", KINDS)
def test_verified_steps_can_be_asked_about(fab: Fab, kind: str) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool(kind), TOOLS[kind].program
    tool.link.command("*RST")
    steps = with_tokens(program.plan(other(kind, RECIPES[kind]), wafers, carrier))
    dock, settings, undock = steps[0], steps[1], steps[-1]
    assert program.reconcile(tool, dock) == NotStarted()
    finish(tool, kind, dock)
    assert isinstance(program.reconcile(tool, dock), Done)
    assert program.reconcile(tool, settings) == NotStarted()
    finish(tool, kind, settings)
    assert isinstance(program.reconcile(tool, settings), Done)
    assert program.reconcile(tool, undock) == NotStarted()
    finish(tool, kind, undock)
    assert isinstance(program.reconcile(tool, undock), Done)


def test_a_setting_lost_on_the_way_is_a_mismatch(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    tool, program = fab.tool("cd_sem"), TOOLS["cd_sem"].program
    settings = with_tokens(program.plan(MEASURE | {"target_nm": 55.0}, wafers, carrier))[1]
    tool.link.command("*RST")
    fab.control.fault("SEM-1", "", "wrong_type", match="MEAS:FIEL?")
    with pytest.raises(InstrumentError):
        program.begin(tool, settings)
    values = [pair for pair in settings.params["settings"] if pair[0] != "target"]
    broken = replace(settings, params={"settings": [*values, ["target", 55.0], ["target", 40.0]]})
    assert isinstance(program.begin(tool, broken), Done)
    assert program.reconcile(tool, settings) == NotStarted()
    assert issubclass(Mismatch, InstrumentError)


def test_measuring_again_is_marked_and_narrower(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    for kind, recipe in (("track", COAT), ("scanner", FEM), ("track", DEVELOP)):
        carry_out(fab.tool(kind), kind, recipe, wafers, carrier)
    runs = [carry_out(fab.tool("cd_sem"), "cd_sem", MEASURE, wafers, carrier)[2] for _ in range(2)]
    first, second = (
        {(s.field_col, s.field_row): s for s in r.sites if s.key == "cd"} for r in runs
    )
    shrink = [first[at].value - second[at].value for at in first if first[at].quality == "GOOD"
              and second[at].quality == "RESHOT"]  # fmt: skip
    assert len(shrink) > 40
    assert sum(shrink) / len(shrink) == pytest.approx(0.30, abs=0.08)


def test_a_measurement_picked_up_again_measures_once(fab: Fab) -> None:
    carrier, wafers = fab.carrier()
    for kind, recipe in (("track", COAT), ("scanner", FEM), ("track", DEVELOP)):
        carry_out(fab.tool(kind), kind, recipe, wafers, carrier)
    tool, program = fab.tool("cd_sem", "socket", 0.3), TOOLS["cd_sem"].program
    steps = with_tokens(program.plan(MEASURE, wafers, carrier))
    for step in steps[:2]:
        finish(tool, "cd_sem", step)
    fab.control.fault("SEM-1", "socket", "close", match="DATA:SITE?")
    lost: list[Exception] = []
    try:
        finish(tool, "cd_sem", steps[2])
    except (ConnectionLost, Timeout) as error:
        lost.append(error)
    outcome = finish(tool, "cd_sem", steps[2])
    assert len(lost) == 1
    assert isinstance(outcome, Done)
    assert {s.quality for s in outcome.sites} <= {"GOOD", "NOT_RESOLVED"}


# ---------------------------------------------------------------- planning
def test_the_plan_of_a_run() -> None:
    wafers = [WaferOrder(3, "W3"), WaferOrder(1, "W1")]
    steps = TOOLS["scanner"].program.plan(FEM, wafers, "FOUP-9")
    kinds = ["dock", "settings", "expose", "trace", "expose", "trace", "undock"]
    assert [step.kind for step in steps] == kinds
    assert [step.slot for step in steps] == [None, None, 1, 1, 3, 3, None]
    ways = ["verify", "verify", "ask_tool", "repeat", "ask_tool", "repeat", "verify"]
    assert [step.after_unknown for step in steps] == ways
    assert [step.is_process for step in steps] == [kind == "expose" for kind in kinds]
    measure = TOOLS["cd_sem"].program.plan(MEASURE, wafers, "FOUP-9")[2]
    assert (measure.kind, measure.after_unknown, measure.is_process) == ("measure", "repeat", False)


def test_two_wafers_in_one_slot_are_no_plan() -> None:
    with pytest.raises(ValueError, match="one slot"):
        TOOLS["track"].program.plan(COAT, [WaferOrder(1, "A"), WaferOrder(1, "B")], "F")


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("scanner", {}, "reticle"),
    ("scanner", FEM | {"na": 1.5}, "na"),
    ("scanner", FEM | {"na": "high"}, "na"),
    ("scanner", FEM | {"na": True}, "na"),
    ("scanner", FEM | {"na": math.nan}, "na"),
    ("scanner", FEM | {"mode": "quadrupole"}, "mode"),
    ("scanner", FEM | {"sigma_in": 0.9, "sigma_out": 0.9}, "sigma_in"),
    ("scanner", FEM | {"speed": 1}, "speed"),
    ("scanner", FEM | {"reticle": "no spaces"}, "reticle"),
    ("scanner", FEM | {"layout": {"kind": "spiral"}}, "layout.kind"),
    ("scanner", FEM | {"layout": 7}, "layout.kind"),
    ("scanner", FEM | {"layout": FEM["layout"] | {"dose_count": 8}}, "layout.dose_count"),
    ("scanner", FEM | {"layout": FEM["layout"] | {"dose_count": 2.5}}, "layout.dose_count"),
    ("scanner", FEM | {"layout": FEM["layout"] | {"dose_start": 99.0}}, "layout.dose_step"),
    ("scanner", FEM | {"layout": FEM["layout"] | {"focus_step": 90.0}}, "layout.focus_step"),
    ("track", {}, "operation"),
    ("track", {"operation": "coat"}, "resist"),
    ("track", COAT | {"thickness_nm": 4000}, "thickness_nm"),
    ("track", DEVELOP | {"resist": "ARF-1"}, "resist"),
    ("cd_sem", {}, "target_nm"),
    ("cd_sem", MEASURE | {"fields": "some"}, "fields"),
]


@pytest.mark.parametrize(("kind", "recipe", "field"), BAD)
def test_what_is_wrong_is_said_in_both_languages(
    kind: str, recipe: dict[str, Any], field: str
) -> None:
    program = TOOLS[kind].program
    problems = {problem.field: problem for problem in program.problems(recipe)}
    assert field in problems
    assert problems[field].sentence_en.endswith((".", "-"))
    assert any("가" <= letter <= "힣" for letter in problems[field].sentence_ko)
    with pytest.raises(ValueError, match=".+"):
        program.plan(recipe, [WaferOrder(1, "W")], "F")


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [("scanner", FEM), ("track", COAT), ("track", DEVELOP), ("cd_sem", MEASURE),
     ("scanner", {"reticle": "R", "layout": {"kind": "uniform", "dose": 30, "focus": 0}})],
)  # fmt: skip
def test_good_recipes_have_no_problem(kind: str, recipe: dict[str, Any]) -> None:
    assert TOOLS[kind].program.problems(recipe) == []


@given(
    dose=st.floats(5, 40), step=st.floats(0, 8), rows=st.integers(1, 7),
    focus=st.floats(-500, 100), pitch=st.floats(0, 40), columns=st.integers(1, 11),
)  # fmt: skip
@unhurried
def test_every_allowed_matrix_plans_its_fields(
    dose: float, step: float, rows: int, focus: float, pitch: float, columns: int
) -> None:
    layout = {
        "kind": "fem", "dose_start": dose, "dose_step": step, "dose_count": rows,
        "focus_start": focus, "focus_step": pitch, "focus_count": columns,
    }  # fmt: skip
    recipe = {"reticle": "R1", "layout": layout}
    settings = field_settings(layout)
    assert set(settings) <= set(full_fields())
    assert {value[0] for value in settings.values()} <= {dose + r * step for r in range(rows)}
    assert {value[1] for value in settings.values()} <= {focus + c * pitch for c in range(columns)}
    assert TOOLS["scanner"].program.problems(recipe) == []
    assert len(TOOLS["scanner"].program.plan(recipe, [WaferOrder(1, "W")], "F")) == 5


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.dictionaries(st.text(max_size=8), inner, max_size=3) | st.lists(inner, max_size=2)
    ),
    max_leaves=6,
)


@given(
    recipe=st.dictionaries(
        st.sampled_from(["reticle", "na", "layout", "operation", "resist", "target_nm", "x"]),
        json_values,
    )
)
@unhurried
def test_no_recipe_breaks_the_checker(recipe: dict[str, Any]) -> None:
    for kind in KINDS:
        for problem in TOOLS[kind].program.problems(recipe):
            assert problem.sentence_en


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_a_schema(kind: str) -> None:
    schema = TOOLS[kind].program.schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    for part in schema.get("oneOf", [schema]):
        assert part["additionalProperties"] is False
        for described in part["properties"].values():
            assert described


def parts_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema and every schema in it."""
    yield schema
    for part in (*schema.get("oneOf", ()), *schema.get("properties", {}).values()):
        yield from parts_of(part)


@pytest.mark.parametrize("kind", PLANS)
def test_every_word_of_a_choice_has_its_name_in_both_languages(kind: str) -> None:
    for part in parts_of(PLANS[kind].program.schema()):
        words = [*part.get("enum", ()), *([part["const"]] if "const" in part else [])]
        for word in words:
            if word.isdigit():
                continue
            named = part["words"][word]
            assert named["title"]
            # Only what is written the same in both languages may do without Korean.
            is_bare = not re.search("[a-z]", named["title"])
            assert re.search("[가-힣]", named["title_ko"]) or is_bare, named


def test_a_step_without_token_or_slot_is_never_sent(fab: Fab) -> None:
    tool = fab.tool("scanner")
    bare = TOOLS["scanner"].program.plan(FEM, [WaferOrder(1, "W")], "F")[2]
    calls: tuple[Callable[[], object], ...] = (
        lambda: TOOLS["scanner"].program.begin(tool, bare),
        lambda: TOOLS["scanner"].program.begin(tool, replace(bare, token="t", slot=None)),
    )
    for call in calls:
        with pytest.raises(ValueError, match="token"):
            call()
    assert tool.link.exchanges == ()
