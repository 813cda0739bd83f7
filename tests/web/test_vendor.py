"""The vendored browser files are byte by byte as locked; checked without a network."""

import re
import shutil
from pathlib import Path

from testbed.web import catalogues, vendor


def test_every_byte_is_as_locked() -> None:
    assert vendor.problems() == []


def test_a_changed_a_missing_and_a_foreign_file_are_found(tmp_path: Path) -> None:
    copy = tmp_path / "vendor"
    shutil.copytree(vendor.FOLDER, copy)
    (copy / "htmx" / "htmx.min.js").write_bytes(b"changed")
    (copy / "uplot" / "uPlot.min.css").unlink()
    (copy / "stranger.js").write_bytes(b"")
    assert vendor.problems(copy) == [
        "htmx/htmx.min.js was changed",
        "stranger.js is not in the lock",
        "uplot/uPlot.min.css is missing",
    ]


def test_every_package_carries_its_licence() -> None:
    for package in vendor.PACKAGES:
        assert list((vendor.FOLDER / package.folder).glob("LICENSE*")), package.name


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    sprite = (vendor.FOLDER / "lucide" / "sprite.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([a-z0-9-]+)"', sprite))
    named = {
        name
        for path in catalogues.ROOT.glob("*/templates/**/*.html")
        for name in re.findall(r'{%\s*icon "([a-z0-9-]+)"', path.read_text())
        + re.findall(r'{%\s*badge [^%]*"([a-z0-9-]+)"\s*%}', path.read_text())
    }
    assert named - drawn - {"ok", "warn", "bad", "info", "idle"} == set()
