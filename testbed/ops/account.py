"""The account that servers run under: ourselves, or a powerless one when we are root.

PostgreSQL refuses to run as root. Nothing outside the project's own folders is changed
for it: when the powerless account cannot reach them, the servers get a folder of their
own under /var/lib instead.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.ops.trouble import Trouble, from_os_error

POWERLESS = ("testbed", "nobody")
STATE_ROOT = Path("/var/lib")
HOME_NOTE = "server-home"


@dataclass(frozen=True)
class Account:
    """Who runs the servers. uid and gid are None when it is whoever we are."""

    uid: int | None = None
    gid: int | None = None

    @property
    def extra_groups(self) -> list[int] | None:
        """None leaves our groups as they are; [] drops them all."""
        return None if self.uid is None else []

    def own(self, path: Path) -> None:
        """Make `path`, which we created, belong to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def write_private(self, path: Path, text: str) -> None:
        """Write a file anew that nobody but the account can read."""
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        self.own(path)

    def launch(
        self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a server as the account; what it says is added to `log`. Raises Trouble.

        environment: ours when it is None.
        """
        try:
            with log.open("ab") as said:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    cwd="/",
                    env=environment,
                    # Ctrl-C on the terminal is for the supervisor, which stops servers last.
                    start_new_session=True,
                    user=self.uid,
                    group=self.gid,
                    extra_groups=self.extra_groups,
                )
        except OSError as error:
            raise from_os_error(error, command[0]) from error

    def reaches(self, path: Path) -> bool:
        """Whether the account can walk to `path` and, if it is a file, execute it."""
        if self.uid is None:
            return os.access(path, os.X_OK)
        shown = subprocess.run(
            ["/bin/sh", "-c", 'cd / && test -x "$0"', str(path)],
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd="/",
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        return shown.returncode == 0


def server_account() -> Account:
    """The account for servers started by this process."""
    if os.geteuid() != 0:
        return Account()
    for name in POWERLESS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise Trouble(
        "PostgreSQL does not run as root, and this machine has no account 'nobody'."
        " Start as an ordinary user, or set DATABASE_URL and VALKEY_URL.",
        "PostgreSQL은 root로 실행되지 않으며 이 기기에는 'nobody' 계정이 없습니다."
        " 일반 사용자로 시작하거나 DATABASE_URL과 VALKEY_URL을 지정하십시오.",
    )


def server_home(data: Path, account: Account) -> Path:
    """The folder the servers keep their files in, made when it is missing.

    `data` itself when the account reaches it; otherwise /var/lib/testbed-<hash>. The choice
    is written into `data` so that it stays when somebody changes a permission above it.
    """
    home = noted_home(data)
    if home is None:
        home = data if account.uid is None or account.reaches(data) else away(data)
        # "." lets the whole folder be moved.
        (data / HOME_NOTE).write_text("." if home == data else str(home))
    try:
        _make_home(home, account, own=home != data)
    except OSError as error:
        raise from_os_error(error, str(home)) from error
    return home


def noted_home(data: Path) -> Path | None:
    """The folder that was chosen for the servers of `data`; None before they first ran."""
    note = data / HOME_NOTE
    return data / note.read_text().strip() if note.exists() else None


def away(data: Path) -> Path:
    """The folder for servers whose account cannot reach `data`."""
    short = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    return STATE_ROOT / f"testbed-{short}"


def _make_home(home: Path, account: Account, *, own: bool) -> None:
    if home.is_symlink():
        raise Trouble(
            f"{home} is a symbolic link, so nothing is written through it. Remove it.",
            f"{home}은(는) 심볼릭 링크이므로 사용하지 않습니다. 삭제하십시오.",
        )
    if not home.exists():
        home.mkdir(mode=0o700)
        if own:
            account.own(home)


def private_folder(path: Path, account: Account) -> Path:
    """`path` as a folder that only the account may enter (0700), made when it is missing."""
    if not path.exists():
        path.mkdir(mode=0o700)
        account.own(path)
    return path


def programs(site: Path, parts: tuple[str, ...], home: Path, account: Account, tag: str) -> Path:
    """The folder under which `parts` can be executed by the account: `site`, or a copy.

    `parts` are paths relative to `site`; the first one is the program that is tried. The copy
    is made once per `tag` (a version), under another name first, so that a copy cut short is
    never taken for a whole one.
    """
    if account.reaches(site / parts[0]):
        return site
    target = home / f"programs-{tag}"
    if not target.exists():
        unfinished = home / f"{target.name}.{os.getpid()}"
        try:
            for part in parts:
                _copy_part(site / part, unfinished / part)
            _own_all(unfinished, account)
            unfinished.rename(target)
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise from_os_error(error, str(target)) from error
    if not account.reaches(target / parts[0]):
        raise Trouble(
            f"The server programs in {target} cannot be executed (is the disk mounted noexec?).",
            f"{target}의 서버 프로그램을 실행할 수 없습니다(noexec로 마운트된 디스크인지"
            " 확인하십시오).",
        )
    return target


def _copy_part(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=True)


def _own_all(folder: Path, account: Account) -> None:
    account.own(folder)
    for inside in folder.rglob("*"):
        account.own(inside)
