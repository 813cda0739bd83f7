"""Every page of the product: who opens it, with which path arguments, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from tests.e2e.facility import Facility

ALICE = "alice@gaon.example"
TECHNICIAN = "technician@testbed.example"
PROCESS = "process@testbed.example"
ADMIN = "admin@testbed.example"
NOBODY = ""
# alice's, as the demo has it
COMPANY = "9998100015"


@dataclass(frozen=True)
class Page:
    """One address to visit; arguments are names of the facility's fields, or plain values."""

    who: str = ALICE
    arguments: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    status: int = 200

    def path(self, name: str, facility: Facility) -> str:
        values = {
            key: getattr(facility, value[1:]) if str(value).startswith("@") else value
            for key, value in self.arguments.items()
        }
        return reverse(name, kwargs=values) + self.query.format(**vars(facility))


PAGES: dict[str, list[Page]] = {
    "home": [Page(NOBODY), Page(ALICE), Page(TECHNICIAN), Page(PROCESS), Page(ADMIN)],
    "board": [Page(TECHNICIAN)],
    "glossary": [Page(NOBODY), Page(NOBODY, query="?q=no-such-word")],
    "status": [Page(NOBODY)],
    "account_login": [Page(NOBODY)],
    "account_logout": [Page(ALICE)],
    "account_change_password": [Page(ALICE)],
    "account_email": [Page(ALICE)],
    "account_reauthenticate": [Page(ALICE)],
    "account_signup": [Page(NOBODY)],
    "account_inactive": [Page(NOBODY)],
    "account_email_verification_sent": [Page(NOBODY)],
    "account_reset_password": [Page(NOBODY)],
    "account_reset_password_done": [Page(NOBODY)],
    "account_reset_password_from_key": [Page(NOBODY, {"uidb36": "1", "key": "abc-123"})],
    "account_reset_password_from_key_done": [Page(NOBODY)],
    "account_confirm_email": [Page(NOBODY, {"key": "no-such-key"})],
    "companies": [Page(ADMIN)],
    "company": [Page(ADMIN, {"business_number": COMPANY})],
    "groups": [Page(ADMIN)],
    "group": [Page(ADMIN, {"code": "support"})],
    "qualifications": [Page(ALICE), Page(PROCESS)],
    "trainings": [Page(ALICE), Page(PROCESS, query="?soon=on")],
    "courses": [Page(ALICE), Page(PROCESS)],
    "course": [Page(PROCESS, {"code": "chemical-safety"})],
    "supplies": [Page(ALICE), Page(TECHNICIAN, query="?kind=reticle")],
    "supply": [Page(TECHNICIAN, {"code": "demo-l40"})],
    "capabilities": [Page(ALICE), Page(PROCESS)],
    "capability": [Page(PROCESS, {"code": "metal-etch"})],
    "tools": [Page(ALICE)],
    "tool": [
        Page(ALICE, {"code": "scanner"}),
        Page(TECHNICIAN, {"code": "cmp"}),
        Page(TECHNICIAN, {"code": "nothing"}, status=404),
    ],
    "tool_commands": [Page(ALICE, {"code": "scanner"}), Page(TECHNICIAN, {"code": "prober"})],
    "lots": [Page(ALICE)],
    "new_lot": [Page(ALICE)],
    "lot": [Page(ALICE, {"code": "@lot"}), Page(TECHNICIAN, {"code": "@arriving_lot"})],
    "cleans": [Page(ALICE), Page(PROCESS)],
    "clean": [Page(PROCESS, {"code": "rca"})],
    "edit_split": [
        Page(ALICE, {"pk": "@pending_booking", "position": 1}),
        Page(ALICE, {"pk": "@pending_booking", "position": 2}),
    ],
    "lot_way": [Page(ALICE, {"code": "@lot"}), Page(PROCESS, {"code": "@lot"})],
    "clean_lot": [Page(TECHNICIAN, {"code": "@lot"})],
    "wafer": [Page(ALICE, {"code": "@lot", "slot": 1})],
    "operation_rules": [Page(PROCESS, {"code": "@route", "position": 1})],
    "recipes": [Page(ALICE), Page(PROCESS)],
    "new_recipe": [Page(ALICE)],
    "recipe": [
        Page(ALICE, {"code": "@recipe"}),
        Page(PROCESS, {"code": "@recipe"}),
        Page(ALICE, {"code": "arf-dose"}),
    ],
    "new_recipe_version": [
        Page(ALICE, {"code": "@recipe"}),
        Page(PROCESS, {"code": "arf-dose"}),
        Page(PROCESS, {"code": "arf-dose"}, query="?way=fem"),
        Page(PROCESS, {"code": "arf-cell"}),
    ],
    "book": [
        Page(ALICE),
        Page(ALICE, query="?what=cell:litho&minutes=120"),
        Page(ALICE, query="?what=tool:cmp&minutes=60"),
    ],
    "hold": [Page(ALICE, {"pk": "@held_booking"})],
    "timeline": [
        Page(ALICE),
        Page(TECHNICIAN),
        Page(ALICE, query="?zoom=day&group=cell"),
        Page(ALICE, query="?zoom=month&view=list&tool=overlay"),
    ],
    "bookings": [Page(ALICE), Page(ADMIN)],
    "booking": [
        Page(ALICE, {"pk": "@booking"}),
        Page(ALICE, {"pk": "@pending_booking"}),
        Page(TECHNICIAN, {"pk": "@booking"}),
    ],
    "pools": [Page(ALICE)],
    "pool": [Page(ALICE, {"pk": "@pool"})],
    "open_seats": [Page(ALICE, {"pk": "@poolable_booking"})],
    "outages": [Page(ALICE), Page(ADMIN)],
    "outage": [Page(ALICE, {"pk": "@outage"}), Page(ADMIN, {"pk": "@outage"})],
    "new_outage": [Page(ADMIN), Page(TECHNICIAN, query="?tool=cmp&down=1")],
    "edit_outage": [Page(ADMIN, {"pk": "@outage"})],
    "rebooking": [Page(ALICE, {"pk": "@rebooking"}), Page(ALICE, {"pk": "@offered"})],
    "utilities": [Page(ALICE), Page(ADMIN)],
    "utility": [Page(ADMIN, {"code": "di-water"})],
    "cancel_booking": [Page(ALICE, {"pk": "@pending_booking"})],
    "share_booking": [Page(ALICE, {"pk": "@pending_booking"})],
    "repeat_booking": [
        Page(ALICE, {"pk": "@pending_booking"}),
        Page(ALICE, {"pk": "@pending_booking"}, query="?every=1&times=3&until="),
    ],
    "penalties": [Page(ALICE), Page(ADMIN)],
    "hand_over_booking": [Page(ALICE, {"pk": "@booking"})],
    "change_booking": [Page(ALICE, {"pk": "@pending_booking"})],
    "rules": [Page(ALICE), Page(ADMIN, query="?tool=cmp")],
    "rule": [
        Page(ALICE, {"code": "grid"}),
        Page(ADMIN, {"code": "grid"}),
        Page(ALICE, {"code": "nothing"}, status=404),
    ],
    "rule_setting": [Page(ADMIN, {"code": "grid", "pk": "@rule_setting"})],
    "calendars": [Page(ALICE), Page(TECHNICIAN)],
    "inbox": [Page(ALICE)],
    "waiting": [Page(ALICE), Page(ADMIN)],
    "wait": [Page(ALICE, query="?what=tool:scanner&minutes=240"), Page(TECHNICIAN)],
    "notice_preferences": [Page(ALICE), Page(ADMIN)],
    "mail": [Page(ADMIN)],
    "services": [Page(ALICE), Page(ADMIN)],
    "service": [Page(ALICE, {"code": "etch-cd-3"})],
    "new_service": [Page(ADMIN)],
    "edit_service": [Page(ADMIN, {"code": "etch-cd-3"})],
    "service_orders": [Page(ALICE), Page(ADMIN)],
    "service_order": [Page(ALICE, {"pk": "@service_order"})],
    "book_route": [
        Page(ALICE),
        Page(ALICE, query="?what_1=cell:litho&minutes_1=60&what_2=tool:cd-sem&within_2=240"),
    ],
    "bundle": [Page(ALICE, {"pk": "@bundle"})],
    "cancel_bundle": [Page(ALICE, {"pk": "@bundle"})],
    "approvals": [Page(ADMIN)],
    "runs": [Page(TECHNICIAN), Page(ALICE)],
    "floor": [Page(TECHNICIAN)],
    "floor_stop": [Page(TECHNICIAN, query="?area=litho")],
    "floor_run": [Page(TECHNICIAN, {"pk": "@held_run"})],
    "floor_carrier": [Page(TECHNICIAN, {"code": "@lot"})],
    "bays": [Page(TECHNICIAN)],
    "bay": [Page(TECHNICIAN, {"area": "litho"})],
    "start_run": [Page(TECHNICIAN, query="?booking={booking}&operation=2")],
    "run": [
        Page(ALICE, {"pk": "@measurement"}),
        Page(TECHNICIAN, {"pk": "@exposure"}),
        Page(TECHNICIAN, {"pk": "@held_run"}),
    ],
    "run_log": [Page(TECHNICIAN, {"pk": "@exposure"}), Page(ALICE, {"pk": "@exposure"})],
    "ops": [Page(ADMIN)],
    "fab": [Page(TECHNICIAN)],
    "usage": [Page(ALICE)],
    "results": [Page(ALICE)],
    "result": [Page(ALICE, {"pk": "@traveler"})],
    "run_measured": [Page(ALICE, {"pk": "@measurement"})],
    "run_traces": [Page(ALICE, {"pk": "@exposure"})],
    "api_docs": [Page(ALICE)],
}

# Routes that are no page of their own, and why.
NO_PAGE = {
    "unread": "the number beside the bell",
    "board_tiles": "a part of the wall screen",
    "theme": "answers a form",
    "set_language": "answers a form",
    "favicon": "a redirect to the icon",
    "livez": "for machines",
    "readyz": "for machines",
    "suspend_company": "answers a form",
    "lift_company_suspension": "answers a form",
    "limit_company": "answers a form",
    "deactivate_member": "answers a form",
    "activate_member": "answers a form",
    "take_into_group": "answers a form",
    "take_out_of_group": "answers a form",
    "grant_qualification": "answers a form",
    "renew_qualification": "answers a form",
    "withdraw_qualification": "answers a form",
    "withdraw_training": "answers a form",
    "load_tool": "answers a form",
    "end_loading": "answers a form",
    "tool_stop": "answers a form",
    "tool_clear_stop": "answers a form",
    "check_in_lot": "answers a form",
    "clean_carrier": "answers a form",
    "hand_back_lot": "answers a form",
    "rework_wafers": "answers a form",
    "split_csv": "a file",
    "hold_wafers": "answers a form",
    "decide_lot_hold": "answers a form",
    "confirm_lot_hold": "answers a form",
    "scrap_wafers": "answers a form",
    "move_recipe_version": "answers a form",
    "calendar_feed": "for calendar programs",
    "timeline_ask": "a part of the timetable",
    "timeline_news": "a stream of events",
    "hold_slot": "answers a form",
    "hold_route": "answers a form",
    "order_service": "answers a form",
    "finish_order": "answers a form",
    "fix_pool": "answers a form",
    "cancel_series": "the same as for one booking, with several rows",
    "reconfirm_booking": "answers a form",
    "arrive_booking": "answers a form",
    "unshare_booking": "answers a form",
    "waive_penalty": "answers a form",
    "finish_booking": "answers a form",
    "add_rule_setting": "answers a form",
    "end_rule_setting": "answers a form",
    "add_holiday": "answers a form",
    "remove_holiday": "answers a form",
    "approve_booking": "answers a form",
    "refuse_booking": "answers a form",
    "ask_booking": "answers a form",
    "answer_question": "answers a form",
    "withdraw_outage": "answers a form",
    "end_outage": "answers a form",
    "accept_rebooking": "answers a form",
    "choose_rebooking": "answers a form",
    "choose_rebooking_chain": "answers a form",
    "decline_rebooking": "answers a form",
    "supply_down": "answers a form",
    "supply_back": "answers a form",
    "pause_run": "answers a form",
    "resume_run": "answers a form",
    "emergency_stop_run": "answers a form",
    "stop_run": "answers a form",
    "abort_run": "answers a form",
    "resolve_run": "answers a form",
    "run_live": "a part of the run's page",
    "run_news": "a stream of events",
    "bay_news": "a stream of events",
    "bay_tiles": "a part of the bay's page",
    "note_run": "answers a form",
    "run_photo": "a picture",
    "ops_e10_csv": "a file",
    "usage_csv": "a file",
    "run_trace_csv": "a file",
    "run_sites_csv": "a file",
    "account_set_password": "sends on: everybody has a password",
    "account_confirm_login_code": "sends on: codes are not used",
}
