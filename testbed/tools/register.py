"""A new machine on the floor: checked whole, then registered."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from instruments.catalogue import TOOLS, open_tool
from instruments.resource_name import InvalidResource, parse_resource
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools import states
from testbed.tools.models import E10State, Tool
from testbed.transactions import in_transaction


def register(*, actor: User, tool: Tool) -> Tool:
    """Save the new `tool`, in standby from now on; all that is wrong with it is said at once.

    Raises Refusal: not_allowed, tool_invalid.
    """
    demand(actor, "register_tools")

    def work() -> Tool:
        wrong = _wrong(tool)
        if wrong:
            sentence = _("The tool was not registered.")
            raise Refusal("tool_invalid", sentence, status=422, fields=wrong)
        tool.save(force_insert=True)
        states.enter(tool=tool, state=E10State.STANDBY, reason="registered")
        journal.record(actor=actor, action="tool.registered", subject=tool, serial=tool.serial)
        return tool

    return in_transaction(work)


def identity(tool: Tool) -> str:
    """What answers at the tool's address: its `*IDN?`, of the right kind and serial number.

    Raises `instruments.errors.InstrumentError`.
    """
    driver = open_tool(tool.kind, tool.visa_resource, tool.serial)
    try:
        driver.connect()
        return driver.link.identity
    finally:
        driver.link.close()


def _wrong(tool: Tool) -> dict[str, list[object]]:
    """Sentences by field; empty when the tool may be registered."""
    found: dict[str, list[object]] = {}
    try:
        tool.full_clean()
    except ValidationError as error:
        found |= {field: list(said) for field, said in error.message_dict.items()}
    if tool.kind not in TOOLS:
        kinds = ", ".join(sorted(TOOLS))
        found["kind"] = [_("Nobody drives this kind of tool. Known are: %s.") % kinds]
    if tool.visa_resource:
        try:
            parse_resource(tool.visa_resource)
        except InvalidResource:
            forms = "TCPIP::host::hislip0[,port]::INSTR, TCPIP::host[,port]::inst0::INSTR"
            sentence = _("This is no VISA resource name. Write %(forms)s or %(socket)s.")
            words = {"forms": forms, "socket": "TCPIP::host::port::SOCKET"}
            found.setdefault("visa_resource", []).append(sentence % words)
    return found
