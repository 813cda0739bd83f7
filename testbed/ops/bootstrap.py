"""Make .venv and install what is needed: `python3 -I testbed/ops/bootstrap.py run|dev`.

Runs under the machine's own Python with nothing installed, so it uses the standard library
only, and no syntax that would keep an old Python from reaching the sentence about its age.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

OLDEST = (3, 11)
REPOSITORY = Path(__file__).resolve().parents[2]
VENV = REPOSITORY / ".venv"
FILES = {"run": ("requirements.txt",), "dev": ("requirements.txt", "requirements-dev.txt")}
NEEDED_BYTES = 1500 * 1024 * 1024


class Sorry(Exception):
    """What stops the installation, as one sentence in each language."""

    def __init__(self, ko: str, en: str) -> None:
        super().__init__(ko + "\n" + en)


def main(arguments: list[str]) -> int:
    """Install for `run` or `dev`; 0 when everything is there, 1 with a sentence when not."""
    wish = arguments[0] if arguments else "run"
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show Korean gets question marks, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        check_python(sys.version_info[:2])
        with alone():
            check_venv_module()
            make_venv()
            install(FILES[wish])
    except Sorry as sorry:
        print(sorry, file=sys.stderr)
        return 1
    except OSError as error:
        print(os_sentence(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n중단했습니다. · Interrupted.", file=sys.stderr)
        return 130
    return 0


def check_python(version: tuple[int, ...]) -> None:
    """Raise Sorry when the Python is older than the product's floor."""
    if version < OLDEST:
        has, needs = [".".join(map(str, each)) for each in (version, OLDEST)]
        raise Sorry(
            "Python " + needs + " 이상이 필요하지만 현재 버전은 " + has + "입니다."
            " 다른 Python은 'make up PYTHON=python3.12'처럼 지정하십시오.",
            "Python " + needs + " or newer is needed, and this is " + has + "."
            " Name another one with 'make up PYTHON=python3.12'.",
        )


def check_venv_module() -> None:
    """Raise Sorry when this Python cannot make virtual environments.

    Debian ships that part apart. In CI, as root, it is installed; a person is only told.
    """
    if VENV.joinpath("bin", "python").exists() or not venv_is_missing():
        return
    if os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet_apt("python3-venv")
        if not venv_is_missing():
            return
    raise Sorry(
        "이 Python에는 venv 모듈이 없습니다. 'apt-get install python3-venv'를 실행한 뒤 다시"
        " 시작하십시오.",
        "This Python has no venv module. Run 'apt-get install python3-venv' and start again.",
    )


def venv_is_missing() -> bool:
    """Asked in a new process: a module installed meanwhile is not seen by this one."""
    tried = [sys.executable, "-c", "import venv, ensurepip"]
    return find_spec("venv") is None or subprocess.run(tried, capture_output=True).returncode != 0


def quiet_apt(*packages: str) -> None:
    """Install Debian packages without a question; the caller looks whether it worked."""
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One installation at a time in this repository; a second one waits for the first."""
    folder = REPOSITORY / "var"
    folder.mkdir(exist_ok=True)
    with (folder / "install.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_venv() -> None:
    """Make .venv unless a working one is there; a broken or half-made one is made anew."""
    python = VENV / "bin" / "python"
    if python.exists() and not moved() and works([str(python), "-c", "import pip"]):
        return
    if shutil.disk_usage(REPOSITORY).free < NEEDED_BYTES:
        raise Sorry(
            "디스크 공간이 부족합니다. 1.5GB 이상을 확보한 뒤 다시 시작하십시오.",
            "The disk is too full. Free at least 1.5 GB and start again.",
        )
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    with progress("가상 환경 만들기 · Making .venv"):
        finish(command, "가상 환경을 만들지 못했습니다.", "The virtual environment was not made.")


def moved() -> bool:
    """Whether the repository was moved or copied after .venv was made: its scripts name the
    old place."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return True
    made = [line for line in lines if line.startswith("command = ")]
    return bool(made) and not made[0].endswith(" " + str(VENV))


def works(command: list[str]) -> bool:
    """Whether a command ends well."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def install(names: tuple[str, ...]) -> None:
    """Install the files' packages, by their hashes, unless exactly these are installed."""
    wanted = {name: digest(REPOSITORY / name) for name in names}
    note = VENV / "installed.json"
    try:
        installed = json.loads(note.read_text())
    except (OSError, ValueError):
        installed = {}
    if all(installed.get(name) == wanted[name] for name in names):
        return
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--require-hashes"]
    for name in names:
        command += ["-r", str(REPOSITORY / name)]
    with progress("패키지 설치 · Installing packages"):
        finish(
            command,
            "패키지를 설치하지 못했습니다. 네트워크 연결을 확인하십시오.",
            "The packages were not installed. Check the network.",
        )
    note.write_text(json.dumps(dict(installed, **wanted)))


def digest(path: Path) -> str:
    """SHA-256 of a file, with the Python version it is installed for."""
    made = hashlib.sha256(path.read_bytes()).hexdigest()
    return "{}.{} {}".format(*sys.version_info[:2], made)


def finish(command: list[str], ko: str, en: str) -> None:
    """Run a command to its end; raise Sorry with its last lines when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        if "No space left" in done.stdout:
            raise Sorry(
                "디스크가 가득 찼습니다. 공간을 확보한 뒤 다시 시작하십시오.",
                "The disk is full. Free some space and start again.",
            )
        last = [line for line in done.stdout.splitlines() if line.strip()][-3:]
        raise Sorry(ko, "\n  ".join([en, *last]))


@contextlib.contextmanager
def progress(title: str) -> Iterator[None]:
    """One line on the terminal: what is being done, then how long it took."""
    began = time.monotonic()
    print(title, end=" … ", flush=True)
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f"{time.monotonic() - began:.0f} s", flush=True)


def os_sentence(error: OSError) -> str:
    """A failed file operation as a sentence in each language."""
    where = str(error.filename or REPOSITORY)
    if isinstance(error, PermissionError):
        return (
            f"{where}에 쓸 권한이 없습니다. 자신의 폴더에서 다시 시작하십시오.\n"
            f"No permission to write {where}. Start again in a folder of your own."
        )
    return f"{where}: {error.strerror}\n설치를 마치지 못했습니다. · Not installed."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
