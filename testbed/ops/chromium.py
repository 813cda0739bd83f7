"""The machine's own Chromium, for browser tests and for pictures of the running product."""

from __future__ import annotations

import os
import shutil
import subprocess

# The shell first: the same engine without a window, on two thirds of the processor's time.
PACKAGES = ("chromium-headless-shell", "chromium")
NAMES = (*PACKAGES, "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_S = 600.0


def find() -> str | None:
    """The path of a Chromium: TESTBED_CHROMIUM, or the first one found on PATH."""
    named = os.environ.get("TESTBED_CHROMIUM")
    if named:
        return named if os.access(named, os.X_OK) else None
    return next((path for path in map(shutil.which, NAMES) if path), None)


def install() -> str | None:
    """Install Debian's package, when we are root on such a machine; the path, or None."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0 or not _succeeds(apt, "update"):
        return None
    for package in PACKAGES:
        if _succeeds(apt, "install", "-y", "--no-install-recommends", package):
            break
    return find()


def _succeeds(apt: str, *words: str) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            [apt, "-qq", *words], env=environment, capture_output=True, timeout=INSTALL_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
