"""Bookings on which a run has started already have begun; nobody releases them as no-shows."""

from typing import Any

from django.db import migrations
from django.db.models import Min


def begin(apps: Any, _editor: Any) -> None:
    runs = apps.get_model("runs", "Run").objects.filter(booking__begun_at=None)
    for row in runs.order_by().values("booking").annotate(first=Min("created_at")):
        apps.get_model("booking", "Booking").objects.filter(pk=row["booking"]).update(
            begun_at=row["first"]
        )


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012
        ("runs", "0001_initial"),
        ("booking", "0007_giving_back"),
    ]

    operations = [  # noqa: RUF012
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
