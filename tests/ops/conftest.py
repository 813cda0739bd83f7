"""A data folder of its own for each test, with nothing left running after it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.ops import embedded


@pytest.fixture
def data() -> Iterator[Path]:
    """An empty data folder that the servers' account can reach; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="testbed-ops-"))
    folder.chmod(0o711)
    yield folder
    embedded.remove(folder)
    shutil.rmtree(folder, ignore_errors=True)
