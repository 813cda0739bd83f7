"""What follows when an idle tool answers, and when it does not.

One missed answer is shown on the tool's page. After `MISSES` in a row a tool in standby goes to
SEMI E10 unscheduled down, and back to standby when it answers again; both with a reason and a
line in the journal. A tool that people put into another state is left there.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.notices.said import kst_moment, said
from testbed.notices.tell import tell
from testbed.people import journal
from testbed.tools import states
from testbed.tools.models import Area, E10State, StateSpan, Tool
from testbed.tools.pulse_model import Pulse, Trouble

MISSES = 3
NO_ANSWER, ANSWERS = "no answer", "answers again"


@transaction.atomic
def note(*, tool: Tool, trouble: str = "", tool_says: str = "") -> Pulse:
    """Keep how the tool answered (`trouble` "" or one of `Trouble`) and let the rule follow.

    The tool's row is locked: two askers follow one another.
    """
    Tool.objects.select_for_update(no_key=True).get(pk=tool.pk)
    now = timezone.now()
    pulse = Pulse.objects.filter(tool=tool).first() or Pulse(tool=tool)
    pulse.asked_at, pulse.trouble = now, trouble
    if trouble:
        pulse.misses += 1
        pulse.silent_since = pulse.silent_since or now
    else:
        pulse.misses, pulse.silent_since = 0, None
        pulse.answered_at, pulse.tool_says = now, tool_says[:12]
    pulse.save()
    _follow(tool, pulse)
    return pulse


def _follow(tool: Tool, pulse: Pulse) -> None:
    """The tool's E10 state, where nobody else decides it."""
    present = StateSpan.objects.filter(tool=tool, ended_at=None).first()
    if present is None:
        return
    is_ours = (present.state, present.reason) == (E10State.UNSCHEDULED_DOWN, NO_ANSWER)
    if pulse.misses >= MISSES and present.state == E10State.STANDBY:
        states.enter(tool=tool, state=E10State.UNSCHEDULED_DOWN, reason=NO_ANSWER)
        journal.record(actor=None, action="tool.silent", subject=tool, trouble=pulse.trouble)
        _tell(tool, pulse)
    elif pulse.misses == 0 and is_ours:
        states.enter(tool=tool, state=E10State.STANDBY, reason=ANSWERS)
        journal.record(actor=None, action="tool.answers", subject=tool)


def _tell(tool: Tool, pulse: Pulse) -> None:
    """Everybody who may run tools hears that one of them is down, and in which bay."""
    subject = said(
        _("%(tool)s (%(bay)s) does not answer: it is unscheduled down"),
        tool=tool, bay=Area(tool.area).label,
    )  # fmt: skip
    tell(
        to=[],
        kind="tool_silent",
        subject=subject,
        sentences=[
            said(_("%(tool)s was asked %(misses)s times in a row: %(trouble)s."), tool=tool,
                 misses=pulse.misses, trouble=Trouble(pulse.trouble).label),
            said(_("Since %(when)s."), when=kst_moment(pulse.silent_since or pulse.asked_at)),
            _("When it answers again it goes back to standby by itself."),
        ],
        path=f"/tools/{tool.code}/",
        audience="operate",
    )  # fmt: skip
