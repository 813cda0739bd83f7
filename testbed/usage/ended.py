"""What usage does when a run has ended."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError

from testbed.runs.models import Run
from testbed.usage.lines import settle

log = logging.getLogger(__name__)


def settle_ended(sender: type[Run], *, run: Run, **_more: Any) -> None:
    """Write the run's line at once; what fails here is written by the sweep.

    The run has already ended: a database that fails now must not look like a failed run.
    """
    try:
        settle(run=run)
    except DatabaseError:
        log.exception("the usage line of %s waits for the sweep", run)
