"""Register a machine that `instruments` can drive, after asking it who it is."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from instruments.errors import InstrumentError
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Area, Cell, ContaminationClass, Tool
from testbed.tools.register import identity, register

CLASSES = {one.name.lower(): one for one in ContaminationClass}


class Command(BaseCommand):
    help = "Registers a tool; nothing is saved unless it answers with the kind and serial given."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="short name in addresses and queues, e.g. oven-1")
        for name, about in (
            ("kind", "its folder in `instruments`"),
            ("resource", "VISA resource name"),
            ("serial", "serial number, as the tool itself says it"),
            ("registration-number", "national registration number (NFEC)"),
            ("name-ko", "what people call it, in Korean"),
            ("name-en", "what people call it, in English"),
            ("by", "e-mail address of the administrator who registers it"),
        ):
            parser.add_argument(f"--{name}", required=True, help=about)
        parser.add_argument("--area", required=True, choices=Area.values)
        parser.add_argument("--contamination", required=True, choices=sorted(CLASSES))
        parser.add_argument("--rate", required=True, type=int, help="won an hour")
        about = "in Korea, e.g. 09:00-18:00; the same twice: around the clock"
        parser.add_argument("--hours", type=_hours, default=_hours("09:00-18:00"), help=about)
        parser.add_argument("--weekends", action="store_true", help="open on weekends too")
        parser.add_argument("--cell", help="code of the cell with which it is booked")
        parser.add_argument("--real", action="store_true", help="not a simulated tool")
        parser.add_argument("--unasked", action="store_true", help="do not ask it who it is")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = User.objects.filter(email=options["by"]).first()
        if actor is None:
            raise CommandError(f"Nobody has the e-mail address {options['by']}.")
        tool = _tool(options)
        try:
            answer = "not asked" if options["unasked"] else self._asked(tool)
            register(actor=actor, tool=tool)
        except Refusal as refusal:
            said = [f"{field}: {one}" for field, some in refusal.fields.items() for one in some]
            raise CommandError("\n".join([str(refusal.message), *said])) from refusal
        self.stdout.write(f"{tool.code} is registered ({answer}).")
        self.stdout.write(f"Start the workers of {tool.area} anew, so that one reads {tool.queue}.")

    def _asked(self, tool: Tool) -> str:
        try:
            return identity(tool)
        except KeyError:
            return "no driver"
        except (InstrumentError, ValueError) as error:
            raise CommandError(f"{error} Nothing was saved.") from error


def _tool(options: dict[str, Any]) -> Tool:
    opens, closes = options["hours"]
    return Tool(
        code=options["code"],
        kind=options["kind"],
        visa_resource=options["resource"],
        serial=options["serial"],
        registration_number=options["registration_number"],
        name_ko=options["name_ko"],
        name_en=options["name_en"],
        area=options["area"],
        cell=_cell(options["cell"]),
        contamination_class=CLASSES[options["contamination"]],
        rate_won_per_hour=options["rate"],
        opens_at=opens,
        closes_at=closes,
        works_weekends=options["weekends"],
        is_simulated=not options["real"],
        position=Tool.objects.count(),
    )


def _cell(code: str | None) -> Cell | None:
    if not code:
        return None
    cell = Cell.objects.filter(code=code).first()
    if cell is None:
        raise CommandError(f"There is no cell {code}.")
    return cell


def _hours(text: str) -> tuple[time, time]:
    opens, _, closes = text.partition("-")
    return time.fromisoformat(opens), time.fromisoformat(closes)
