"""The page that tells how to add a tool, carried out word for word in a copy of the package."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "developers" / "adding-a-tool.md"
BLOCK = re.compile(r"^(?P<before>[^\n]+)\n\n```(?P<language>\w+)\n(?P<body>.*?)^```$", re.M | re.S)
WHOLE_FILE = re.compile(r"`([\w./]+)`")
INTO = re.compile(r"In `([\w./]+)`, (?:with the (imports)|in `(\w+)`)")


def follow(page: str, folder: Path) -> list[str]:
    """Do in `folder` what the page says; the commands it gives for the shell."""
    commands = []
    for block in BLOCK.finditer(page):
        before, body = block["before"], block["body"]
        into, whole = INTO.fullmatch(before), WHOLE_FILE.fullmatch(before)
        if block["language"] == "sh":
            commands.append(body.strip())
        elif into:
            insert(folder / into[1], into[2] or into[3], body)
        else:
            assert whole, f"the page does not say where this goes: {before}"
            (folder / whole[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / whole[1]).write_text(body)
    return commands


def insert(path: Path, where: str, lines: str) -> None:
    """Put `lines` before the first import of ours, or first into a dictionary."""
    text = path.read_text()
    mark = r"^(?=from instruments\.)" if where == "imports" else rf"^{where}\b[^\n]*\{{\n"
    found = re.search(mark, text, re.M)
    assert found, f"{path} has no {where}"
    path.write_text(text[: found.end()] + lines + text[found.end() :])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A copy of the package with the page's tool in it."""
    folder = tmp_path_factory.mktemp("adding")
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "instruments", folder / "instruments", ignore=unwanted)
    return folder, follow(PAGE.read_text(), folder)


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in `folder`, with its copy of the package."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_page_bakes_a_wafer(built: tuple[Path, list[str]]) -> None:
    folder, (start,) = built
    words = [sys.executable, *shlex.split(start)[1:]]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with subprocess.Popen(words, cwd=folder, env=environment) as fab:
        try:
            ends = time.monotonic() + 20
            while not (folder / "ports.json").exists():
                assert fab.poll() is None, "the fab with the new tool did not start"
                assert time.monotonic() < ends
                time.sleep(0.02)
            tried = python(folder, "try_oven.py")
        finally:
            fab.terminate()
    assert tried.returncode == 0, tried.stderr
    assert "Bake WAFER-1 (slot 1) peak 120.0 °C" in tried.stdout
    assert tried.stdout.splitlines()[-1].startswith("Undock FOUP-1")


def test_everything_else_comes_from_the_table(built: tuple[Path, list[str]]) -> None:
    folder, _ = built
    script = (
        "import json; from instruments.catalogue import TOOLS; kind = TOOLS['oven']\n"
        "heads = [row.head.removesuffix('?') for row in kind.driver.parameters()]\n"
        "bad = kind.program.problems({'temperature_c': 4000.0})\n"
        "print(json.dumps([kind.program.schema(), heads, bad[0].sentence_ko]))\n"
    )
    found = python(folder, "-c", script)
    assert found.returncode == 0, found.stderr
    schema, heads, sentence = json.loads(found.stdout)
    temperature = schema["properties"]["temperature_c"]
    assert (temperature["minimum"], temperature["maximum"], temperature["unit"]) == (50, 400, "°C")
    assert temperature["description_ko"] == "베이크 온도."
    assert sentence == "베이크 온도 값은 50 – 400 °C 범위의 수여야 합니다."
    manual = (folder / "instruments" / "oven" / "manual.md").read_text()
    common = (folder / "instruments" / "common.md").read_text()
    assert [head for head in heads if head not in manual + common] == []


def test_a_block_that_does_not_say_where_it_goes_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="where this goes"):
        follow("Then write:\n\n```python\nx = 1\n```\n", tmp_path)


def test_the_oven_is_on_the_page_only() -> None:
    assert not (ROOT / "instruments" / "oven").exists()
