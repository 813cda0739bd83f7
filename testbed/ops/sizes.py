"""How long a function and a file may be, and what is longer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("testbed", "instruments", "tests", "bench")
FILE_LINES = 600
FUNCTION_LINES = 80


def findings(repository: Path) -> list[str]:
    """One sentence for each function over 80 lines and each file over 600; migrations apart."""
    found: list[str] = []
    for folder in FOLDERS:
        for path in sorted((repository / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                found += _findings_in(path, path.relative_to(repository))
    return found


def _findings_in(path: Path, shown: Path) -> Iterator[str]:
    text = path.read_text()
    lines = text.count("\n")
    if lines > FILE_LINES:
        yield f"{shown}: {lines} lines, {FILE_LINES} at most"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{shown}:{node.lineno}: {node.name} has {length} lines"
