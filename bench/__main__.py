"""`make bench [ONLY=prefix]`: runs `figures()` of every module here that has one.

A module yields `bench.figure.Figure`s. It prints a table and writes bench/latest.json, a list
of {name, value, unit, limit, ratio, n}. Servers are those of the environment, or embedded
ones in a folder of their own that is deleted afterwards.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

import bench
from bench.figure import Figure
from testbed.ops import embedded
from testbed.ops.trouble import Trouble

LATEST = Path(__file__).with_name("latest.json")
APART = {"__main__", "figure"}


def main(only: str) -> int:
    """Measure what begins with `only`; 0, or 1 when nothing does or a server would not start."""
    try:
        with servers():
            django.setup()
            measured = list(collect(only))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    if not measured:
        print(f"'{only}'(으)로 시작하는 측정이 없습니다. · No figure begins with '{only}'.")
        return 1
    LATEST.write_text(json.dumps([figure.row() for figure in measured], indent=1) + "\n")
    return 0


def collect(only: str) -> Iterator[Figure]:
    """Run the modules whose figures may begin with `only`, printing each figure as it comes."""
    print(f"{'figure':40} {'value':>12} {'limit':>12} {'ratio':>8}  unit (n)")
    for found in sorted(module.name for module in pkgutil.iter_modules(bench.__path__)):
        if found in APART:
            continue
        module = importlib.import_module(f"bench.{found}")
        # A module whose figures bear another's name says which they are.
        names = getattr(module, "NAMES", None) or (found,)
        if not any(name.startswith(only) or only.startswith(name) for name in names):
            continue
        for figure in module.figures():
            if figure.name.startswith(only):
                print(line(figure), flush=True)
                yield figure


def line(figure: Figure) -> str:
    """One line of the table."""
    return (
        f"{figure.name:40} {figure.value:12,.4g} {figure.limit:12,.4g} {figure.ratio:8.3f}"
        f"  {figure.unit} ({figure.n})"
    )


@contextmanager
def servers() -> Iterator[None]:
    """PostgreSQL and Valkey for the measurements, durable as in `make up`."""
    with tempfile.TemporaryDirectory(prefix="testbed-bench-") as folder:
        data = Path(folder)
        # Ours alone, but passable: as root the servers run under a powerless account.
        data.chmod(0o711)
        try:
            if not os.environ.get("DATABASE_URL"):
                os.environ["DATABASE_URL"] = embedded.ensure_postgres(data)
            if not os.environ.get("VALKEY_URL"):
                os.environ["VALKEY_URL"] = embedded.ensure_valkey(data)
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testbed.settings")
            yield
        finally:
            embedded.stop_valkey(data)
            embedded.stop_postgres(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
