"""Other people's browser files: fetched from npm, kept unedited, locked byte by byte.

`python -m testbed.web.vendor fetch` takes the exact versions below from npm (needs `npm`),
copies the named files, draws the icon sprite and writes `static/vendor/lock.json`.
`python -m testbed.web.vendor verify` needs no network: it compares every byte with the lock.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "static" / "vendor"
LOCK = "lock.json"


@dataclass(frozen=True)
class Package:
    """One npm package: its exact version and which of its files we keep (glob → folder)."""

    name: str
    version: str
    licence: str
    files: dict[str, str]

    @property
    def folder(self) -> str:
        return self.name.split(".")[0].split("-")[0]


ICONS = [
    "activity",
    "arrow-left",
    "arrow-right",
    "banknote",
    "bell",
    "book-open",
    "box",
    "building-2",
    "calendar",
    "calendar-clock",
    "calendar-plus",
    "chart-column",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "circle",
    "circle-check",
    "circle-dashed",
    "circle-dot",
    "circle-stop",
    "circle-x",
    "clock",
    "cpu",
    "disc-3",
    "door-open",
    "download",
    "external-link",
    "eye",
    "file-spreadsheet",
    "file-text",
    "flask-conical",
    "hand",
    "hourglass",
    "house",
    "info",
    "languages",
    "layers",
    "layout-grid",
    "link",
    "list",
    "lock",
    "log-in",
    "log-out",
    "menu",
    "microscope",
    "minus",
    "monitor",
    "moon",
    "octagon-x",
    "package",
    "pause",
    "pencil",
    "play",
    "plus",
    "power",
    "printer",
    "receipt",
    "refresh-cw",
    "ruler",
    "search",
    "shield-check",
    "signature",
    "square",
    "sun",
    "sun-moon",
    "table",
    "trash-2",
    "trending-up",
    "triangle-alert",
    "upload",
    "user",
    "users",
    "wrench",
    "x",
]

PACKAGES = (
    Package(
        "htmx.org",
        "2.0.11",
        "0BSD",
        {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "LICENSE"},
    ),
    Package(
        "uplot",
        "1.6.32",
        "MIT",
        {
            "dist/uPlot.iife.min.js": "uPlot.iife.min.js",
            "dist/uPlot.min.css": "uPlot.min.css",
            "LICENSE": "LICENSE",
        },
    ),
    Package(
        "pretendard",
        "1.3.9",
        "OFL-1.1",
        {
            "dist/web/variable/pretendardvariable-dynamic-subset.css": (
                "pretendardvariable-dynamic-subset.css"
            ),
            "dist/web/variable/woff2-dynamic-subset/*.woff2": "woff2-dynamic-subset/",
            "dist/LICENSE.txt": "LICENSE.txt",
        },
    ),
    Package("lucide-static", "1.62.0", "ISC", {"LICENSE": "LICENSE"}),
)


class VendorError(Exception):
    """A file that is not as locked, or a package that could not be fetched."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(folder: Path = FOLDER) -> None:
    """Fill `folder` anew from npm and write its lock."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packages = {}
    with tempfile.TemporaryDirectory() as scratch:
        for package in PACKAGES:
            archive = _download(package, Path(scratch))
            root = _unpack(archive, Path(scratch) / package.folder)
            _copy(package, root, folder / package.folder)
            if package.name == "lucide-static":
                _write_sprite(root / "icons", folder / package.folder / "sprite.svg")
            packages[package.name] = {
                "version": package.version,
                "licence": package.licence,
                "integrity": _integrity(archive),
            }
    lock = {"packages": packages, "files": {name: sha256(path) for name, path in _files(folder)}}
    (folder / LOCK).write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n")


def _download(package: Package, scratch: Path) -> Path:
    """`npm pack` checks the registry's own integrity before it writes the archive."""
    answer = subprocess.run(
        ["npm", "pack", "--silent", f"{package.name}@{package.version}"],
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise VendorError(f"npm pack {package.name} failed: {answer.stderr.strip()[:400]}")
    return scratch / answer.stdout.strip().splitlines()[-1]


def _integrity(archive: Path) -> str:
    """The npm way of naming an archive: sha512 in base64."""
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return "sha512-" + base64.b64encode(digest).decode()


def _unpack(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")
    return target / "package"


def _copy(package: Package, root: Path, target: Path) -> None:
    for pattern, name in package.files.items():
        found = sorted(root.glob(pattern))
        if not found:
            raise VendorError(f"{package.name} {package.version} has no {pattern}")
        for source in found:
            path = target / name / source.name if name.endswith("/") else target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)


def _write_sprite(icons: Path, target: Path) -> None:
    """One SVG with a symbol per icon; the strokes take the colour of the text around them."""
    symbols = [_symbol(name, (icons / f"{name}.svg").read_text()) for name in sorted(ICONS)]
    target.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
    )


def _symbol(name: str, svg: str) -> str:
    shapes = re.sub(r"\s+", " ", re.sub(r"^.*?<svg[^>]*>|</svg>\s*$", "", svg, flags=re.S)).strip()
    return (
        f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{shapes}</symbol>'
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != LOCK:
            yield path.relative_to(folder).as_posix(), path


def problems(folder: Path = FOLDER) -> list[str]:
    """Every difference between the files and the lock, in words; empty when all is as locked."""
    lock: dict[str, Any] = json.loads((folder / LOCK).read_text())
    here = dict(_files(folder))
    found = [f"{name} is not in the lock" for name in here.keys() - lock["files"].keys()]
    found += [f"{name} is missing" for name in lock["files"].keys() - here.keys()]
    found += [
        f"{name} was changed"
        for name, digest in lock["files"].items()
        if name in here and sha256(here[name]) != digest
    ]
    for package in PACKAGES:
        locked = lock["packages"].get(package.name, {}).get("version")
        if locked != package.version:
            found.append(f"{package.name} is locked at {locked}, the table says {package.version}")
    return sorted(found)


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch or verify the vendored browser files.")
    parser.add_argument("what", choices=["fetch", "verify"])
    if parser.parse_args().what == "fetch":
        fetch()
    found = problems()
    for line in found:
        sys.stderr.write(line + "\n")
    sys.stdout.write(f"{sum(1 for _ in _files(FOLDER))} files, {len(found)} problems\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
