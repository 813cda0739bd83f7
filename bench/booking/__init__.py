"""How fast bookings are confirmed, shown and searched, and what a storm of them leaves behind."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog

from bench.booking import confirm, storm, week
from bench.booking.facility import build, scratch_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figure import Figure


def figures() -> Iterator[Figure]:
    """confirm_*, storm_*, then week_* and slots_ms over a database that grows to a million."""
    # A line per request on the terminal would be measured too.
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    with scratch_database() as url:
        facility = build()
        yield from confirm.figures(facility, url)
        yield from storm.figures(facility)
        yield from week.figures(facility)
