"""Many threads, each with a connection of its own, set off at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

Race = Callable[..., list[Any]]


@pytest.fixture
def race(transactional_db: None) -> Race:
    """Run `work(number)` in `threads` threads at once; each one's result or its exception."""

    def run(work: Callable[[int], Any], threads: int = 16) -> list[Any]:
        outcomes: list[Any] = [None] * threads
        together = threading.Barrier(threads)

        def runner(number: int) -> None:
            try:
                together.wait(timeout=30)
                outcomes[number] = work(number)
            except Exception as error:
                outcomes[number] = error
            finally:
                connection.close()

        started = [threading.Thread(target=runner, args=(number,)) for number in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in started)
        return outcomes

    return run
