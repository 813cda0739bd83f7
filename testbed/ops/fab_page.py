"""`/ops/fab/`: the simulated fab's operator sees every tool and lets things go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.validators import RegexValidator
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from instruments.fab.faults import KINDS
from testbed.ops import fab_console
from testbed.ops.fab_words import COUNTERS, FAULTS, QUANTITIES, STATES, said
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.people.models import User

FROZEN_S = 20.0
LONGEST_S = 600
MOST = 1000
WIRES = {"": _("any wire"), "hislip": "HiSLIP", "vxi11": "VXI-11", "socket": "SOCKET"}


class FaultForm(forms.Form):
    """A fault of the wire."""

    tool = forms.ChoiceField(label=_("Tool"))
    kind = forms.ChoiceField(label=_("Fault"), choices=[(kind, FAULTS[kind]) for kind in KINDS])
    wire = forms.ChoiceField(label=_("Wire"), required=False, choices=list(WIRES.items()))
    count = forms.IntegerField(label=_("How often"), min_value=1, max_value=MOST, initial=1)
    skip = forms.IntegerField(
        label=_("Let pass before"), min_value=0, max_value=MOST, initial=0, required=False
    )
    seconds = forms.FloatField(
        label=_("Seconds"), min_value=0, max_value=LONGEST_S, initial=1,
        help_text=_("For delay, drip (between bytes), freeze and refuse."),
    )  # fmt: skip
    match = forms.CharField(
        label=_("Only on a command with"), max_length=60, required=False,
        validators=[RegexValidator(r"^[ -~]*$", _("Commands are plain ASCII."))],
        help_text=_("For example JOB:STAR; empty means any."),
    )  # fmt: skip

    def __init__(self, *args: Any, rows: list[dict[str, Any]], **more: Any) -> None:
        super().__init__(*args, **more)
        choice: Any = self.fields["tool"]
        choice.choices = [(row["name"], row["title"]) for row in rows]


class ProcessForm(forms.Form):
    """A fault of the process, by tool and kind."""

    what = forms.ChoiceField(label=_("Tool and quantity"))
    amount = forms.FloatField(
        label=_("Off by"), min_value=-1e6, max_value=1e6, initial=1,
        help_text=_("In the unit of the quantity; 0 ends it."),
    )  # fmt: skip

    def __init__(self, *args: Any, rows: list[dict[str, Any]], **more: Any) -> None:
        super().__init__(*args, **more)
        choice: Any = self.fields["what"]
        choice.choices = [
            (row["title"], [
                (f"{row['name']}:{kind}", f"{said(QUANTITIES, kind)} ({unit})")
                for kind, unit in known
            ])
            for row in rows
            if (known := row["process_faults"].items())
        ]  # fmt: skip


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def fab(request: HttpRequest) -> HttpResponse:
    """What every simulated tool does and what ails it; a POST does one thing to one of them."""
    actor = person(request)
    demand(actor, "play_fab")
    if not fab_console.is_configured():
        raise Http404
    rows, truth = _look(actor)
    said = request.POST if request.method == "POST" else None
    do = "" if said is None else said.get("do", "")
    fault = FaultForm(said if do == "fault" else None, rows=rows)
    process = ProcessForm(said if do == "process" else None, rows=rows)
    if said is not None and _done(request, actor, do, fault, process):
        return redirect("fab")
    page = {"rows": rows, "truth": truth, "fault": fault, "process": process, "frozen_s": FROZEN_S}
    return render(request, "ops/fab.html", page, status=200 if said is None else 422)


def _look(actor: User) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The tools that the catalogue knows; nothing when the fab is silent."""
    try:
        rows, truth = fab_console.look(actor=actor)
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        return [], {}
    named = {tool.code: tool for tool in Tool.objects.visible_to(actor)}
    return [_told(row, named[row["name"]]) for row in rows if row["name"] in named], truth


def _told(row: dict[str, Any], tool: Tool) -> dict[str, Any]:
    """The row in the reader's language, which the fab does not speak."""
    return row | {
        "tool": tool,
        "title": str(tool),
        "state_word": said(STATES, row["state"]),
        "counts": [(said(COUNTERS, name), number) for name, number in row["counters"].items()],
        "faults": [one | {"word": said(FAULTS, one["kind"])} for one in row["faults"]],
        "wrong": [
            (said(QUANTITIES, kind), amount, row["process_faults"].get(kind, ""))
            for kind, amount in row["disturbances"].items()
        ],
    }


def _done(
    request: HttpRequest, actor: User, do: str, fault: FaultForm, process: ProcessForm
) -> bool:
    """Carry out what was asked; False when the form has to be shown again."""
    verbs: dict[str, Callable[[Tool], None]] = {
        "freeze": lambda tool: fab_console.freeze(actor=actor, tool=tool, seconds=FROZEN_S),
        "restart": lambda tool: fab_console.power_cycle(actor=actor, tool=tool),
        "forget": lambda tool: fab_console.power_cycle(actor=actor, tool=tool, lose_memory=True),
        "reinstall": lambda tool: fab_console.reinstall(actor=actor, tool=tool),
        "clear": lambda tool: fab_console.clear(actor=actor, tool=tool),
    }
    try:
        if do in ("fault", "process"):
            form: forms.Form = fault if do == "fault" else process
            if not form.is_valid():
                return False
            _set(actor, do, form.cleaned_data)
        elif do == "clear_all":
            fab_console.clear_all(actor=actor)
        elif do in verbs:
            verbs[do](_tool(actor, request.POST.get("tool", "")))
        else:
            raise Http404
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        messages.error(request, f"{refusal.message} {refusal.next_step}")
    else:
        messages.success(request, _("Done. It is in the log."))
    return True


def _set(actor: User, do: str, said: dict[str, Any]) -> None:
    if do == "process":
        code, _colon, kind = said["what"].partition(":")
        fab_console.disturb(actor=actor, tool=_tool(actor, code), kind=kind, amount=said["amount"])
        return
    fab_console.set_fault(
        actor=actor, tool=_tool(actor, said["tool"]), kind=said["kind"], wire=said["wire"],
        count=said["count"], seconds=said["seconds"], match=said["match"],
        skip=said["skip"] or 0,
    )  # fmt: skip


def _tool(actor: User, code: str) -> Tool:
    """The tool of that code; 404 for any other text."""
    found = None if "\0" in code else Tool.objects.visible_to(actor).filter(code=code).first()
    if found is None:
        raise Http404
    return found
