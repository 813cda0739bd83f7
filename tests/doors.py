"""Which door each address of the product has: the table that the route tests walk."""

from enum import Enum


class Door(Enum):
    """Who gets in."""

    OPEN = "anybody"
    SIGNED_IN = "anybody who is signed in"
    OWN = "the owner's company and the staff; a stranger gets 404"
    STAFF = "some of the staff; others get 403 or 404"


O, S, W, F = Door.OPEN, Door.SIGNED_IN, Door.OWN, Door.STAFF  # noqa: E741

PAGES: dict[str, Door] = {
    # sign-in
    "account_login": O,
    "account_logout": O,
    "account_inactive": O,
    "account_signup": O,
    "account_reauthenticate": S,
    "account_email": S,
    "account_email_verification_sent": O,
    "account_change_password": S,
    "account_set_password": S,
    "account_reset_password": O,
    "account_reset_password_done": O,
    "account_reset_password_from_key": O,
    "account_reset_password_from_key_done": O,
    "account_confirm_email": O,
    "account_confirm_login_code": O,
    # the frame
    "set_language": O,
    "theme": O,
    "home": O,
    "board": S,
    "board_tiles": S,
    "glossary": O,
    "status": O,
    "favicon": O,
    "livez": O,
    "readyz": O,
    # tools
    "tools": S,
    "tool": S,
    "tool_stop": F,
    "tool_clear_stop": F,
    # material
    "lots": S,
    "new_lot": S,
    "lot": W,
    "check_in_lot": W,
    "hand_back_lot": W,
    "wafer": W,
    # process
    "recipes": S,
    "new_recipe": S,
    "recipe": W,
    "new_recipe_version": W,
    "move_recipe_version": W,
    # booking
    "book": S,
    "hold_slot": S,
    "hold": W,
    "timeline": S,
    "bookings": S,
    "booking": W,
    "change_booking": W,
    "hand_over_booking": W,
    "cancel_booking": W,
    "finish_booking": W,
    "approvals": F,
    "approve_booking": F,
    "refuse_booking": F,
    # runs
    "runs": S,
    "start_run": F,
    "run": W,
    "run_live": W,
    "run_log": W,
    "stop_run": W,
    "abort_run": W,
    "resolve_run": W,
    # results
    "results": S,
    "result": W,
    "run_traces": W,
    "run_trace_csv": W,
    "run_sites_csv": W,
    # usage
    "ops": F,
    "ops_e10_csv": F,
    "usage": S,
    "usage_csv": S,
}

API: dict[str, Door] = {
    "api_tokens": O,
    "api_current_token": S,
    "api_me": S,
    "api_schema": S,
    "api_docs": S,
    "api_nothing": O,
    "api_lots": S,
    "api_lot": W,
    "api_lot_check_in": W,
    "api_lot_hand_back": W,
    "api_carriers": S,
    "api_recipes": S,
    "api_recipe": W,
    "api_recipe_versions": W,
    "api_recipe_submit": W,
    "api_recipe_approve": W,
    "api_routes": S,
    "api_tools": S,
    "api_tool": S,
    "api_tool_emergency_stop": F,
    "api_tool_clear_emergency_stop": F,
    "api_slots": S,
    "api_quotes": S,
    "api_rules": S,
    "api_holds": S,
    "api_bookings": S,
    "api_booking": W,
    "api_submit": W,
    "api_extend": W,
    "api_approve": F,
    "api_refuse": F,
    "api_change": W,
    "api_hand_over": W,
    "api_cancel": W,
    "api_finish": W,
    "api_timeline": S,
    "api_runs": S,
    "api_run_interlocks": S,
    "api_run": W,
    "api_run_events": W,
    "api_run_wire": W,
    "api_run_stop": W,
    "api_run_abort": W,
    "api_run_resolve": W,
    "api_run_sites": W,
    "api_run_sites_csv": W,
    "api_run_traces": W,
    "api_run_trace": W,
    "api_process_window": W,
    "api_usage_lines": S,
    "api_usage_summary": S,
    "api_usage_facility": F,
}
