"""What bootstrap says before there is anything installed to say it with."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.ops import bootstrap
from testbed.ops.embedded import REPOSITORY

SCRIPT = REPOSITORY / "testbed" / "ops" / "bootstrap.py"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository with one requirements file, never this one."""
    monkeypatch.setattr(bootstrap, "REPOSITORY", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "requirements-dev.txt").write_text("")
    return tmp_path


def test_an_old_python_is_named() -> None:
    with pytest.raises(bootstrap.Sorry, match="Python 3.11 or newer is needed, and this is 3.9"):
        bootstrap.check_python((3, 9))
    bootstrap.check_python((3, 11))


def test_an_old_python_can_read_the_script() -> None:
    """The sentence about the version must not drown in a SyntaxError."""
    assert ast.parse(SCRIPT.read_text(), feature_version=(3, 7))


def test_only_the_standard_library_is_imported() -> None:
    tree = ast.parse(SCRIPT.read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_a_python_without_venv_is_told_the_package(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "venv_is_missing", lambda: True)
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(bootstrap.Sorry, match="apt-get install python3-venv"):
        bootstrap.check_venv_module()


def test_nothing_is_installed_twice(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / ".venv").mkdir()
    commands: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "finish", lambda command, ko, en: commands.append(command))

    bootstrap.install(("requirements.txt",))
    bootstrap.install(("requirements.txt",))
    assert len(commands) == 1
    assert "--require-hashes" in commands[0]
    bootstrap.install(("requirements.txt", "requirements-dev.txt"))
    assert len(commands) == 2
    bootstrap.install(("requirements.txt",))
    assert len(commands) == 2
    (repository / "requirements.txt").write_text("django==5.2.19\n")
    bootstrap.install(("requirements.txt",))
    assert len(commands) == 3


def test_a_failed_installation_is_a_sentence_and_is_tried_again(repository: Path) -> None:
    (repository / ".venv" / "bin").mkdir(parents=True)
    fake = repository / ".venv" / "bin" / "python"
    fake.write_text("#!/bin/sh\necho 'ERROR: no route to the index'\nexit 1\n")
    fake.chmod(0o755)

    for _ in range(2):
        with pytest.raises(bootstrap.Sorry, match="no route to the index"):
            bootstrap.install(("requirements.txt",))


def test_a_full_disk_is_a_sentence(repository: Path) -> None:
    said = ["/bin/sh", "-c", "echo 'OSError: [Errno 28] No space left on device'; exit 1"]
    with pytest.raises(bootstrap.Sorry, match="The disk is full"):
        bootstrap.finish(said, "ko", "en")


def test_a_half_made_venv_is_made_anew(repository: Path) -> None:
    broken = repository / ".venv" / "bin"
    broken.mkdir(parents=True)
    (broken / "python").symlink_to("/nowhere/python3")
    leftover = repository / ".venv" / "leftover"
    leftover.write_text("")

    bootstrap.make_venv()
    done = subprocess.run([str(broken / "python"), "-c", "import pip"], check=False)
    assert done.returncode == 0
    assert not leftover.exists()


def test_no_permission_is_a_sentence(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, exist_ok: bool) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert bootstrap.main(["run"]) == 1
    assert f"No permission to write {repository / 'var'}" in capsys.readouterr().err
