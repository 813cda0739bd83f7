"""One company's work through the whole product, over its public HTTP API, as three people.

Alice books the litho cell and the CD-SEM, the process engineer approves, the technician checks
the lot in and starts each run, and alice reads the process window, the hours and the won.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TextIO
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx

from instruments.fab.control import ControlError, FabControl
from testbed.ops.demo.people import PASSWORD
from testbed.ops.demo.recipes import ROUTE

KST = ZoneInfo("Asia/Seoul")
CELL_MINUTES = 20
SEM_MINUTES = 20
WAFERS = (1, 2, 3)
LOT_WAFERS = 25
RUN_S = 90.0
SLOT_S = 90.0
POLL_S = 0.3
PURPOSE = "Resist evaluation (sample job)"
ENDED = {"completed", "stopped", "aborted", "failed"}
LIVE = {"held", "pending", "confirmed"}


class Wrong(Exception):
    """The sample job met something that is not right; the text says what."""


@dataclass(frozen=True)
class Place:
    """What is booked: the query's name and value, and for how long."""

    kind: str
    code: str
    minutes: int
    title: str


CELL = Place("cell", "litho", CELL_MINUTES, "노광 셀 · Litho cell")
SEM = Place("tool", "cd-sem", SEM_MINUTES, "CD-SEM")
PARAMETERS = (
    ("dose_to_size", "best_dose_mj", "최적 노광량 · Dose to size", "mJ/cm²"),
    ("best_focus", "best_focus_nm", "최적 초점 · Best focus", "nm"),
)


class Person:
    """Somebody signed in to the API."""

    def __init__(self, address: str, email: str) -> None:
        self.http = httpx.Client(base_url=f"{address}/api/v1/", timeout=30.0)
        answer = self.post("tokens/", {"email": email, "password": PASSWORD, "name": "sample job"})
        self.http.headers["Authorization"] = f"Bearer {answer['token']}"

    def get(self, path: str, **query: Any) -> Any:
        return self._checked(self.http.get(path, params=query))

    def post(self, path: str, body: dict[str, Any] | None = None, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self._checked(self.http.post(path, json=body or {}, headers=headers))

    def _checked(self, response: httpx.Response) -> Any:
        if response.is_success:
            return response.json()
        raise Wrong(f"{response.request.method} {response.url.path}: {_reason(response)}")


def _reason(response: httpx.Response) -> str:
    try:
        body = response.json()
        return f"{response.status_code} {body['code']}: {body['message']} {body['fields'] or ''}"
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.text[:200]}"


def carry(address: str, out: TextIO) -> bool:
    """Carry the job; print its progress; True when the window holds the simulator's truth."""
    job = SampleJob(address, out)
    began = time.monotonic()
    try:
        good = job.carry()
    except (Wrong, ControlError, httpx.HTTPError, LookupError, TypeError, ValueError) as error:
        job.say(f"✗ 표본 작업이 멈췄습니다 · The sample job stopped: {error}")
        return False
    job.say(f"  표본 작업 시간 · Sample job took {time.monotonic() - began:.1f} s")
    return good


class SampleJob:
    """The steps of the job, each printing what it found."""

    def __init__(self, address: str, out: TextIO) -> None:
        self.out = out
        self.alice = Person(address, "alice@gaon.example")
        self.process_engineer = Person(address, "process@testbed.example")
        self.technician = Person(address, "technician@testbed.example")

    def say(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def carry(self) -> bool:
        self.say("표본 작업 (모의 데이터) · Sample job (simulated data)")
        self.tidy()
        lot = self.register()
        cell = self.book(CELL, lot)
        sem = self.book(SEM, lot)
        self.check_in(lot)
        for booking in (cell, sem):
            self.wait_for_slot(booking)
        runs = [
            self.run(operation, sem if operation["is_measurement"] else cell)
            for operation in self.operations()
        ]
        good = self.window(runs[-1], lot)
        for booking in (cell, sem):
            self.technician.post(f"bookings/{booking['id']}/finish/")
        self.technician.post(f"lots/{lot['code']}/hand-back/")
        self.money([run["id"] for run in runs])
        return good

    def tidy(self) -> None:
        """End what an earlier sample job, cut off in the middle, has left open."""
        bookings = self.alice.get("bookings/", page_size=200)["results"]
        mine = [one for one in bookings if one["purpose"] == PURPOSE and one["state"] in LIVE]
        ids = {booking["id"] for booking in mine}
        for run in self.alice.get("runs/", page_size=200)["results"]:
            if run["booking"] in ids and run["state"] not in ENDED:
                self._end(run)
        for booking in mine:
            if datetime.fromisoformat(booking["ends_at"]) > _now():
                self._free(booking)

    def _end(self, run: Any) -> None:
        address = f"runs/{run['id']}/"
        self.say(f"  이전 작업을 끝냅니다 · Ending run {run['id']}, left {run['state']}")
        if run["state"] != "held":
            self.technician.post(f"{address}abort/")
        deadline = time.monotonic() + RUN_S
        while (run := self.technician.get(address))["state"] not in ENDED:
            if run["state"] == "held":
                choice = {one["code"] for one in run["choices"]} & {"abort", "close"}
                self.technician.post(
                    f"{address}resolve/",
                    {"choice": min(choice), "note": "Left open by an earlier sample job."},
                )
            if time.monotonic() > deadline:
                raise Wrong(f"run {run['id']}, left by an earlier sample job, does not end")
            time.sleep(POLL_S)

    def _free(self, booking: Any) -> None:
        has_begun = datetime.fromisoformat(booking["starts_at"]) <= _now()
        if booking["state"] == "confirmed" and has_begun:
            self.technician.post(f"bookings/{booking['id']}/finish/")
        else:
            self.alice.post(f"bookings/{booking['id']}/cancel/")

    def register(self) -> Any:
        body = {"product": "ArF resist, 40 nm lines", "wafer_count": LOT_WAFERS}
        lot = self.alice.post("lots/", body)
        self.say(
            f"✓ 로트 등록 · Lot {lot['code']}: {len(lot['wafers'])} wafers, "
            f"{lot['wafers'][0]['wafer_id']} …"
        )
        return lot

    def book(self, place: Place, lot: Any) -> Any:
        """Slots found, price, held, submitted, approved."""
        now = _now()
        found = self.alice.get(
            "slots/",
            **{
                place.kind: place.code,
                "minutes": place.minutes,
                "from": now.isoformat(),
                "to": (now + timedelta(days=1)).isoformat(),
                "wafer_count": len(WAFERS),
            },
        )
        if not found["slots"]:
            raise Wrong(f"no free slot: {found['nothing_because']}")
        slot = found["slots"][0]
        self.say(
            f"✓ 빈 시간 · {place.title}: {len(found['slots'])} slots found, first "
            f"{_clock(slot['starts_at'])}–{_clock(slot['ends_at'])}, "
            f"₩{slot['quote']['total_won']:,} incl. VAT"
        )
        held = self.alice.post(
            "holds/",
            {place.kind: place.code, "starts_at": slot["starts_at"], "ends_at": slot["ends_at"]},
            key=str(uuid4()),
        )
        booking = self.alice.post(
            f"bookings/{held['id']}/submit/",
            {
                "lot": lot["code"],
                "route": ROUTE,
                "wafer_count": len(WAFERS),
                "purpose": PURPOSE,
                "use_mode": "requested",
            },
        )
        self.say(f"  예약 · Booked {booking['id']}: {booking['state']}")
        if booking["state"] == "pending":
            booking = self.process_engineer.post(f"bookings/{booking['id']}/approve/")
            self.say(f"  승인 · Approved by the process engineer: {booking['state']}")
        return booking

    def check_in(self, lot: Any) -> None:
        carriers = self.technician.get("carriers/")["results"]
        if not carriers:
            raise Wrong("no empty carrier is left")
        body = {"carrier": carriers[0]["code"]}
        lot = self.technician.post(f"lots/{lot['code']}/check-in/", body)
        self.say(f"✓ 입고 · Lot checked in: carrier {lot['carrier']}")

    def wait_for_slot(self, booking: Any) -> None:
        wait = (datetime.fromisoformat(booking["starts_at"]) - _now()).total_seconds()
        if wait > SLOT_S:
            raise Wrong(f"the first free slot starts only at {_clock(booking['starts_at'])}")
        if wait > 0:
            self.say(f"  시작 대기 · Waiting {wait:.0f} s for the slot to start")
            time.sleep(wait)

    def operations(self) -> list[Any]:
        routes = self.alice.get("routes/")["results"]
        route = next(route for route in routes if route["code"] == ROUTE)
        return list(route["operations"])

    def run(self, operation: Any, booking: Any) -> Any:
        """Start one run and follow its steps to the end."""
        run = self.technician.post(
            "runs/",
            {
                "booking": booking["id"],
                "operation": operation["position"],
                "wafers": list(WAFERS),
            },
        )
        self.say(f"▶ 작업 · Run {run['id']}: {operation['name_ko']} · {operation['name_en']}")
        told: set[int] = set()
        deadline = time.monotonic() + RUN_S
        while True:
            run = self.technician.get(f"runs/{run['id']}/")
            self._tell_steps(run, told)
            if run["state"] in ENDED | {"held"}:
                break
            if time.monotonic() > deadline:
                raise Wrong(f"run {run['id']} did not end within {RUN_S:.0f} s")
            time.sleep(POLL_S)
        if run["state"] != "completed":
            raise Wrong(f"run {run['id']} ended {run['state']}: {_last_message(run)}")
        return run

    def _tell_steps(self, run: Any, told: set[int]) -> None:
        for step in run["steps"]:
            if step["state"] == "done" and step["seq"] not in told:
                told.add(step["seq"])
                self.say(f"    {step['seq']:>2}. {step['title']} ✓")

    def window(self, run: Any, lot: Any) -> bool:
        """The process window beside the truth that the simulator keeps aside."""
        window = self.alice.get(f"travelers/{run['traveler']}/process-window/")
        truth = self._truth(lot)
        good = True
        self.say("✓ 공정 창 · Process window (95 % confidence)")
        for name, true_name, title, unit in PARAMETERS:
            estimate = window[name]
            true = truth[true_name]
            inside = _holds(estimate, true)
            good &= inside
            self.say(
                f"    {title}: {estimate['value']:.2f} {unit} "
                f"[{_figure(estimate['low'], 2)}, {_figure(estimate['high'], 2)}] · "
                f"참값 · truth {true:.2f} {unit} {'✓' if inside else '✗'}"
            )
        for name, title, unit in (
            ("exposure_latitude", "노광 여유 · Exposure latitude", "%"),
            ("depth_of_focus", "초점 심도 · Depth of focus at 10 % EL", "nm"),
        ):
            self.say(f"    {title}: {_amount(window[name], unit)}")
        return good

    def _truth(self, lot: Any) -> Any:
        host, _colon, port = os.environ["TESTBED_FAB_CONTROL"].rpartition(":")
        wafers = {wafer["slot"]: wafer["wafer_id"] for wafer in lot["wafers"]}
        return FabControl(host, int(port)).truth(wafers[WAFERS[0]])

    def money(self, run_ids: list[int]) -> None:
        """Hours and won of the job's runs; their lines are written in the background."""
        deadline = time.monotonic() + RUN_S
        while True:
            lines = self.alice.get("usage/lines/", page_size=200)["results"]
            mine = [line for line in lines if line["run"] in run_ids]
            if len(mine) == len(run_ids):
                break
            if time.monotonic() > deadline:
                raise Wrong("the usage lines were not written")
            time.sleep(POLL_S)
        hours = sum(line["tool_seconds"] for line in mine) / 3600
        total = sum(line["total_won"] for line in mine)
        self.say(f"✓ 사용 · Usage: {hours:.2f} h on the tools' clock, ₩{total:,} incl. VAT")


def _holds(estimate: Any, true: float) -> bool:
    """Whether the truth lies in a whole confidence interval; an open one proves nothing."""
    low, high = estimate["low"], estimate["high"]
    return low is not None and high is not None and bool(low <= true <= high)


def _figure(value: float | None, digits: int) -> str:
    return "—" if value is None else f"{value:.{digits}f}"


def _amount(estimate: Any, unit: str) -> str:
    """The estimate with its unit, or why there is none."""
    if estimate is None:
        return "정할 수 없음 · not determined: no rectangle of the matrix stays within tolerance"
    return f"{_figure(estimate['value'], 1)} {unit}"


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), KST)


def _clock(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(KST).strftime("%H:%M")


def _last_message(run: Any) -> str:
    messages = [step["message"] for step in run["steps"] if step["message"]]
    return messages[-1] if messages else "no message"
