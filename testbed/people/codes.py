"""Short codes that people give to things."""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from testbed.refusals import Refusal

LONGEST_CODE = 20
SHAPE = re.compile(rf"[-a-zA-Z0-9_]{{1,{LONGEST_CODE}}}")


def demand_code(code: str) -> None:
    """Raise Refusal("code_not_valid", 422) unless letters, digits, - and _, at most 20."""
    if not SHAPE.fullmatch(code):
        raise Refusal(
            "code_not_valid",
            _("A code is made of at most 20 letters, digits, hyphens and underscores."),
            status=422,
            fields={"code": [_("Choose another code.")]},
        )
