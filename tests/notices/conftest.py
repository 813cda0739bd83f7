"""What the tests of notices say, and how they set the mail off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils.translation import gettext_lazy as _

from testbed.notices.models import Notice
from testbed.notices.said import said
from testbed.notices.tell import tell
from testbed.people.models import User


@pytest.fixture
def told() -> Callable[..., list[Notice]]:
    """Tells people that a hold has expired (a sentence known in both languages)."""

    def make(*people: User, kind: str = "booking_placed", **more: Any) -> list[Notice]:
        given = {
            "subject": said("B00042 %(state)s", state=_("Expired")),
            "sentences": [_("Expired")],
            "path": "/bookings/42/",
        }
        return tell(to=people, kind=kind, **given | more)

    return make
