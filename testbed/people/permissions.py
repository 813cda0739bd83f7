"""Who may do what: one table, read by pages, API and verbs alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.people.models import STAFF_ROLES, Role
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from testbed.people.querysets import Viewer

STAFF = frozenset(STAFF_ROLES)

MAY: dict[str, frozenset[Role]] = {
    "book": frozenset({Role.ENGINEER}),
    "waive_penalty": frozenset({Role.ADMINISTRATOR}),
    "see_penalties": frozenset({Role.ENGINEER, Role.READER, Role.ADMINISTRATOR, Role.AUDITOR}),
    "approve_booking": frozenset({Role.ADMINISTRATOR, Role.PROCESS_ENGINEER}),
    "book_on_behalf": frozenset({Role.ADMINISTRATOR, Role.PROCESS_ENGINEER}),
    "override_rules": frozenset({Role.ADMINISTRATOR, Role.PROCESS_ENGINEER}),
    "manage_companies": frozenset({Role.ADMINISTRATOR}),
    "manage_qualifications": frozenset({Role.ADMINISTRATOR, Role.PROCESS_ENGINEER}),
    "see_groups": STAFF,
    "manage_groups": frozenset({Role.ADMINISTRATOR}),
    "manage_trainings": frozenset({Role.ADMINISTRATOR, Role.PROCESS_ENGINEER}),
    "manage_supplies": frozenset({Role.ADMINISTRATOR, Role.PROCESS_ENGINEER, Role.TECHNICIAN}),
    "load_tools": frozenset({Role.TECHNICIAN, Role.PROCESS_ENGINEER}),
    "register_tools": frozenset({Role.ADMINISTRATOR}),
    "manage_capabilities": frozenset({Role.ADMINISTRATOR, Role.PROCESS_ENGINEER}),
    "edit_cleans": frozenset({Role.ADMINISTRATOR, Role.PROCESS_ENGINEER}),
    "certify_clean": frozenset({Role.TECHNICIAN, Role.PROCESS_ENGINEER}),
    "register_lot": frozenset({Role.ENGINEER, Role.TECHNICIAN}),
    "check_in_lot": frozenset({Role.TECHNICIAN}),
    "write_recipe": frozenset({Role.ENGINEER, Role.PROCESS_ENGINEER}),
    "approve_recipe": frozenset({Role.PROCESS_ENGINEER}),
    "edit_routes": frozenset({Role.PROCESS_ENGINEER}),
    "rework_wafers": frozenset({Role.TECHNICIAN, Role.PROCESS_ENGINEER}),
    "hold_wafers": frozenset({Role.TECHNICIAN, Role.PROCESS_ENGINEER}),
    "decide_holds": frozenset({Role.PROCESS_ENGINEER, Role.ADMINISTRATOR}),
    "scrap_wafers": frozenset({Role.PROCESS_ENGINEER}),
    "operate": frozenset({Role.TECHNICIAN, Role.PROCESS_ENGINEER}),
    "emergency_stop": STAFF,
    # Whose run it is: nobody has to ask first in danger.
    "emergency_stop_own_run": frozenset({Role.ENGINEER, Role.READER}),
    "clear_emergency_stop": frozenset({Role.TECHNICIAN, Role.ADMINISTRATOR}),
    "see_bays": STAFF,
    "note_run": frozenset({Role.TECHNICIAN, Role.PROCESS_ENGINEER, Role.ADMINISTRATOR}),
    "play_fab": frozenset({Role.TECHNICIAN, Role.ADMINISTRATOR}),
    "see_mail": frozenset({Role.ADMINISTRATOR}),
    "edit_holidays": frozenset({Role.ADMINISTRATOR}),
    "edit_modules": frozenset({Role.ADMINISTRATOR}),
    "finish_order": frozenset({Role.TECHNICIAN, Role.PROCESS_ENGINEER, Role.ADMINISTRATOR}),
    "edit_rules": frozenset({Role.ADMINISTRATOR}),
    "close_tools": frozenset({Role.ADMINISTRATOR}),
    "maintain_tools": frozenset({Role.ADMINISTRATOR, Role.TECHNICIAN, Role.PROCESS_ENGINEER}),
    "see_affected": STAFF,
    "see_facility_usage": frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
}


def may(user: Viewer, action: str) -> bool:
    """True when the person's role allows `action` (KeyError for an unknown action)."""
    allowed = MAY[action]
    return bool(user.is_authenticated and user.is_active and user.role in allowed)


def demand(user: Viewer, action: str) -> None:
    """Raise Refusal("not_allowed", 403) unless the person may do `action`."""
    if not may(user, action):
        raise Refusal(
            "not_allowed",
            _("Your role does not allow this."),
            status=403,
            next_step=_("Ask your company's engineer or the facility's administrator."),
        )
