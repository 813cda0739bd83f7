"""User groups: making and renaming one, members in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.people import journal
from testbed.people.codes import demand_code
from testbed.people.models import Company, Group, User
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Callable

RANKS = range(1000)


def save(*, actor: User, code: str, name_ko: str, name_en: str, rank: int = 100) -> Group:
    """The group called `code` with these names and this rank, made when there is none.

    Raises Refusal: "code_not_valid" (422), "rank_not_valid" (422) outside 0 to 999.
    """
    demand(actor, "manage_groups")
    demand_code(code)
    if rank not in RANKS:
        raise Refusal(
            "rank_not_valid",
            _("A group's rank lies between 0 and 999."),
            status=422,
            fields={"rank": [_("Write a whole number from 0 to 999.")]},
        )
    names: dict[str, Any] = {"name_ko": name_ko, "name_en": name_en, "rank": rank}

    def work() -> Group:
        group, _made = Group.objects.update_or_create(code=code, defaults=names)
        journal.record(actor=actor, action="group.saved", subject=group, code=code, **names)
        return group

    return in_transaction(work)


def take_in(
    *, actor: User, group: Group, company: Company | None = None, user: User | None = None
) -> None:
    """Take a company or a person in; one who is a member already stays so.

    Its rules count for them from their next booking on. Raises Refusal "no_member" (422) unless
    exactly one is given.
    """

    def add(locked: Group) -> bool:
        before = _has(locked, company, user)
        locked.companies.add(*filter(None, [company]))
        locked.users.add(*filter(None, [user]))
        return not before

    _change(actor, group, company, user, "group.member_added", add)


def take_out(
    *, actor: User, group: Group, company: Company | None = None, user: User | None = None
) -> None:
    """Take a company or a person out; bookings they have made keep the rules they were made by.

    Raises Refusal "no_member" (422) unless exactly one is given.
    """

    def remove(locked: Group) -> bool:
        before = _has(locked, company, user)
        locked.companies.remove(*filter(None, [company]))
        locked.users.remove(*filter(None, [user]))
        return before

    _change(actor, group, company, user, "group.member_removed", remove)


def _has(group: Group, company: Company | None, user: User | None) -> bool:
    if company is not None:
        return group.companies.filter(pk=company.pk).exists()
    return user is not None and group.users.filter(pk=user.pk).exists()


def _change(
    actor: User,
    group: Group,
    company: Company | None,
    user: User | None,
    action: str,
    work: Callable[[Group], bool],
) -> None:
    """Lock the group, do `work` and journal it when it changed something."""
    demand(actor, "manage_groups")
    if (company is None) == (user is None):
        raise Refusal(
            "no_member",
            _("Choose a company or a person, not both."),
            status=422,
            fields={"company": [_("Choose one of the two.")]},
        )

    def locked_work() -> None:
        locked = Group.objects.select_for_update().get(pk=group.pk)
        if work(locked):
            whose = company or (user.company if user else None)
            journal.record(
                actor=actor, action=action, subject=locked, company=whose, code=locked.code,
                person=user.name if user else str(company),
            )  # fmt: skip

    in_transaction(locked_work)
