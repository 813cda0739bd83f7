"""The preferences' form: one choice a kind, the digest's hour, the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from testbed.notices.preferences import kinds_of, preferences_of
from testbed.people.models import Language

if TYPE_CHECKING:
    from django.http import QueryDict

    from testbed.people.models import User


class PreferencesForm(forms.Form):
    """Fields `kind_<code>` for every kind the person can get."""

    language = forms.ChoiceField(label=_("Language of my mails"), choices=Language.choices)
    digest_hour = forms.TypedChoiceField(
        label=_("The daily digest leaves at (KST)"),
        coerce=int,
        choices=[(hour, f"{hour:02d}:00") for hour in range(24)],
    )

    def __init__(self, data: QueryDict | None, *, user: User) -> None:
        now = preferences_of(user)
        chosen = {f"kind_{code}": delivery.value for code, delivery in now.deliveries.items()}
        initial = {"language": now.language, "digest_hour": now.digest_hour, **chosen}
        super().__init__(data, initial=initial)
        for kind in kinds_of(user):
            self.fields[f"kind_{kind.code}"] = forms.ChoiceField(
                label=kind.name, choices=[(one.value, one.label) for one in kind.choices()]
            )

    @property
    def kinds(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("kind_")]

    @property
    def deliveries(self) -> dict[str, str]:
        """By kind's code, once the form is valid."""
        chosen = self.cleaned_data.items()
        return {
            name.removeprefix("kind_"): value for name, value in chosen if name.startswith("kind_")
        }
