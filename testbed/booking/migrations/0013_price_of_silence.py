"""Not coming and not confirming again get percentages of their own: those they had borrowed."""

from typing import Any

from django.db import migrations

PLACES = ("tool_id", "cell_id", "area", "group_id")
NOWHERE = (None, None, "", None)
PERCENTAGES = ("fee_percent", "debt_percent")


def lend(apps: Any, _editor: Any) -> None:
    """Each setting takes what the rule for late cancellation says at its place, or at large."""
    settings = apps.get_model("booking", "RuleSetting").objects
    late = {
        tuple(getattr(one, name) for name in PLACES): one.parameters
        for one in settings.filter(code="late_cancel", is_active=True).order_by("pk")
    }
    for one in settings.filter(code__in=("no_show", "reconfirm"), is_active=True):
        place = tuple(getattr(one, name) for name in PLACES)
        lent = {**late.get(NOWHERE, {}), **late.get(place, {})}
        own = {name: lent[name] for name in PERCENTAGES if name in lent}
        if own and isinstance(one.parameters, dict):
            one.parameters = {**own, **one.parameters}
            one.save(update_fields=["parameters"])


class Migration(migrations.Migration):
    dependencies = [("booking", "0012_seats")]

    operations = [migrations.RunPython(lend, migrations.RunPython.noop)]
