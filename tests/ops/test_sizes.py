"""The size limits see what is too long, and nothing else."""

from __future__ import annotations

from pathlib import Path

from testbed.ops import sizes


def write(repository: Path, name: str, lines: int) -> None:
    path = repository / "testbed" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("def long_one() -> None:\n" + "    print()\n" * (lines - 1))


def test_limits(tmp_path: Path) -> None:
    write(tmp_path, "fits.py", 80)
    write(tmp_path, "function.py", 81)
    write(tmp_path, "file.py", 601)
    write(tmp_path, "migrations/0001_initial.py", 900)

    found = sizes.findings(tmp_path)
    assert [line.split(":")[0] for line in found] == [
        "testbed/file.py",
        "testbed/file.py",
        "testbed/function.py",
    ]
    assert "601 lines, 600 at most" in found[0]
    assert "long_one has 81 lines" in found[2]
