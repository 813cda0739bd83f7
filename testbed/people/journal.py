"""The domain log: one sentence per action, in both languages; append-only by a trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.compiled import insert
from testbed.people.models import Company, JournalEntry, User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SENTENCES: dict[str, StrOrPromise] = {
    "booking.held": _("held the slot"),
    "booking.extended": _("extended the hold"),
    "booking.placed": _("placed the booking"),
    "booking.changed": _("changed the booking"),
    "booking.handed_over": _("handed the booking over"),
    "booking.overridden": _("set booking rules aside"),
    "booking.asked": _("asked the company a question"),
    "booking.answered": _("answered the facility's question"),
    "booking.lapsed": _("let the request lapse: nobody answered before its start"),
    "booking.approved": _("approved the booking"),
    "booking.refused": _("refused the booking"),
    "booking.cancelled": _("cancelled the booking"),
    "booking.expired": _("let the hold expire"),
    "booking.reconfirmed": _("re-confirmed the booking"),
    "booking.released": _("gave the time to others: nobody re-confirmed the booking"),
    "booking.arrived": _("noted that the booking's people are here"),
    "booking.no_show": _("gave the time to others: nobody came"),
    "booking.shared": _("shared the booking with a colleague"),
    "booking.unshared": _("ended a colleague's share in the booking"),
    "booking.repeated": _("repeated the booking weekly"),
    "penalty.waived": _("took the penalty back"),
    "booking.finished": _("ended the booking early"),
    "booking.moved": _("moved the booking because of a closure"),
    "booking.displaced": _("took the booking's time because of a closure"),
    "booking.move_accepted": _("accepted the new time"),
    "outage.announced": _("announced a closure"),
    "outage.changed": _("changed a closure"),
    "outage.withdrawn": _("withdrew a closure"),
    "outage.ended": _("ended a closure early"),
    "utility.changed": _("changed a supply of the building"),
    "utility.down": _("reported a supply of the building down"),
    "utility.back": _("reported a supply of the building back"),
    "waiting.offered": _("offered the slot from the waiting list"),
    "rule.set": _("set a booking rule"),
    "rule.changed": _("changed a booking rule's setting"),
    "rule.ended": _("ended a booking rule's setting"),
    "holiday.added": _("entered a holiday"),
    "holiday.removed": _("removed a holiday"),
    "calendar.issued": _("made a calendar address"),
    "calendar.revoked": _("revoked a calendar address"),
    "company.suspended": _("suspended the company"),
    "company.suspension_lifted": _("lifted the suspension"),
    "company.credit_limit": _("set the credit limit"),
    "member.deactivated": _("closed the account"),
    "member.activated": _("opened the account"),
    "qualification.granted": _("granted the qualification"),
    "qualification.renewed": _("renewed the qualification"),
    "qualification.withdrawn": _("withdrew the qualification"),
    "group.saved": _("saved the user group"),
    "group.member_added": _("took a member into the user group"),
    "group.member_removed": _("took a member out of the user group"),
    "course.saved": _("saved the course"),
    "training.recorded": _("recorded the training"),
    "training.withdrawn": _("withdrew the training"),
    "supply.saved": _("saved the reticle or material"),
    "loading.begun": _("loaded the tool"),
    "loading.ended": _("unloaded the tool"),
    "capability.saved": _("saved what tools can do"),
    "clean.saved": _("saved the kind of clean"),
    "clean.certified": _("certified a clean"),
    "pool.opened": _("opened empty slots to other companies"),
    "pool.joined": _("took slots in another's carrier"),
    "pool.fixed": _("closed the pool; the split is fixed"),
    "pool.dissolved": _("lost the carrier: its booking was given back"),
    "module.saved": _("saved the service module"),
    "order.placed": _("ordered the service module"),
    "order.finished": _("finished the order"),
    "lot.registered": _("registered the lot"),
    "lot.checked_in": _("checked the lot in"),
    "lot.map_seen": _("looked at the carrier's slots"),
    "lot.returned": _("handed the lot back"),
    "recipe.submitted": _("submitted the recipe version"),
    "recipe.approved": _("approved the recipe version"),
    "operation.rules": _("set the rules of an operation"),
    "wafers.reworked": _("sent wafers back to an operation"),
    "wafers.held": _("put wafers on hold"),
    "hold.closed": _("decided about wafers on hold"),
    "wafers.scrapped": _("scrapped wafers"),
    "tool.registered": _("registered the tool"),
    "tool.emergency_stop": _("pressed the emergency stop"),
    "tool.emergency_cleared": _("cleared the emergency stop"),
    "tool.silent": _("took the tool out of use: it did not answer three times"),
    "tool.answers": _("put the tool back to standby: it answers again"),
    "fab.fault": _("set a fault on a wire of the simulated fab"),
    "fab.process_fault": _("let a simulated process go wrong"),
    "fab.frozen": _("froze the simulated tool"),
    "fab.power_cycled": _("cut the simulated tool's power"),
    "fab.reinstalled": _("reinstalled the simulated tool"),
    "fab.cleared": _("cleared the simulated tool's faults"),
    "fab.all_cleared": _("cleared every fault of the simulated fab"),
    "token.issued": _("issued an API token"),
    "token.revoked": _("revoked an API token"),
}


def record(
    *,
    actor: User | None,
    action: str,
    subject: models.Model,
    company: Company | None = None,
    **details: Any,
) -> JournalEntry:
    """Write one line; `action` must have a sentence in `SENTENCES` (KeyError otherwise)."""
    SENTENCES[action]
    entry = JournalEntry(
        actor=actor,
        company=company,
        action=action,
        subject_kind=subject._meta.label_lower,
        subject_id=subject.pk,
        details=details,
    )
    insert([entry])
    return entry


def sentence(entry: JournalEntry) -> str:
    """The entry in the reader's language."""
    return str(SENTENCES.get(entry.action, entry.action))
