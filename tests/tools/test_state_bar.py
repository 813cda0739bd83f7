"""A tool's week as one bar: every state as wide as its share, in the order given."""

from __future__ import annotations

import re
from datetime import timedelta

from testbed.tools.templatetags.tool_parts import state_bar


def test_each_state_has_its_share_of_the_week_and_begins_where_the_one_before_ends() -> None:
    bar = state_bar([("standby", timedelta(days=3.5)), ("scheduled_down", timedelta(days=1.75))])
    drawn = re.findall(r'class="e10-([a-z-]+)" x="([\d.]+)" y="0" width="([\d.]+)"', bar)
    assert drawn == [("standby", "0.0", "500.0"), ("scheduled-down", "500.0", "250.0")]
    assert 'aria-hidden="true"' in bar
