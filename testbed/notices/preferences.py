"""How a person wants to be told: each kind at once, in the digest or not by mail; when; how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from testbed.notices.kinds import KINDS, Delivery, Kind
from testbed.notices.models import DIGEST_HOUR, DigestHour, NoticeChoice
from testbed.notices.sort import deliveries
from testbed.people.models import Language, User
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Preferences:
    """deliveries: by kind's code, one for every kind the person can get; hour: 0 to 23, Korea."""

    deliveries: dict[str, Delivery]
    digest_hour: int
    language: str


def kinds_of(user: User) -> list[Kind]:
    """The kinds this person can ever get."""
    return [kind for kind in KINDS.values() if user.is_staff_member or not kind.staff]


def preferences_of(user: User) -> Preferences:
    """What is in force for the person, chosen or by default."""
    chosen = deliveries([user.pk])
    row = DigestHour.objects.filter(user=user).first()
    found = {kind.code: chosen.get((user.pk, kind.code), kind.delivery) for kind in kinds_of(user)}
    return Preferences(found, row.hour if row else DIGEST_HOUR, user.language)


@transaction.atomic
def prefer(
    *,
    actor: User,
    deliveries: Mapping[str, str] | None = None,
    digest_hour: int | None = None,
    language: str | None = None,
) -> Preferences:
    """Change what is given, leave the rest. Refusal("choice_not_valid", 422) with its fields.

    What already waits for a digest leaves with it.
    """
    fields = dict(_complaints(actor, deliveries or {}, digest_hour, language))
    if fields:
        raise Refusal(
            "choice_not_valid",
            _("Some choices do not fit; see what each says."),
            status=422,
            fields=fields,
        )
    for kind, delivery in (deliveries or {}).items():
        NoticeChoice.objects.update_or_create(
            user=actor, kind=kind, defaults={"delivery": delivery}
        )
    if digest_hour is not None:
        DigestHour.objects.update_or_create(user=actor, defaults={"hour": digest_hour})
    if language is not None:
        User.objects.filter(pk=actor.pk).update(language=language)
        actor.language = language
    return preferences_of(actor)


def _complaints(
    actor: User, deliveries: Mapping[str, str], digest_hour: int | None, language: str | None
) -> list[tuple[str, list[object]]]:
    said: list[tuple[str, list[object]]] = []
    known = {kind.code: kind for kind in kinds_of(actor)}
    for code, delivery in deliveries.items():
        if code not in known:
            said.append((code, [_("There is no such kind of notice.")]))
        elif delivery not in known[code].choices():
            said.append((code, [_("This kind cannot be delivered so.")]))
    if digest_hour is not None and not 0 <= digest_hour < 24:
        said.append(("digest_hour", [_("An hour is 0 to 23.")]))
    if language is not None and language not in Language.values:
        said.append(("language", [_("Choose one of the two languages.")]))
    return said
