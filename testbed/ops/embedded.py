"""The embedded PostgreSQL and Valkey of one data folder, found by every process of it.

`make up` and the tests call ensure_postgres and ensure_valkey; settings call urls(). What
runs is written to <data>/servers.json, so that any process started meanwhile finds it.
    python -m testbed.ops.embedded start | status | stop
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from testbed.ops import postgres, valkey
from testbed.ops.account import away, noted_home, server_account, server_home
from testbed.ops.processes import Process
from testbed.ops.trouble import Trouble, from_os_error

REPOSITORY = Path(__file__).resolve().parents[2]
STATE = "servers.json"
# Port 1 is never ours: a connection to it is refused at once.
NOWHERE = 1


class Entry(TypedDict):
    """One server in servers.json."""

    pid: int
    born: str
    port: int
    url: str
    keeper: str


@dataclass(frozen=True)
class Urls:
    """Where the two servers are, passwords included."""

    database: str
    valkey: str


def data_folder() -> Path:
    """The folder of everything the product keeps on this machine: TESTBED_DATA or <repo>/var."""
    given = os.environ.get("TESTBED_DATA", "")
    return Path(given).expanduser().resolve() if given else REPOSITORY / "var"


def urls(data: Path | None = None) -> Urls:
    """DATABASE_URL and VALKEY_URL; where one is unset, the running embedded server's URL.

    When none runs the URL refuses every connection. For settings: reading settings must
    neither start a server nor fail (mypy, `check` and `makemigrations --check` read them too).
    """
    found = running_urls(data or data_folder()) or Urls(
        f"postgres://testbed@127.0.0.1:{NOWHERE}/testbed", f"redis://127.0.0.1:{NOWHERE}/0"
    )
    return Urls(
        os.environ.get("DATABASE_URL") or found.database,
        os.environ.get("VALKEY_URL") or found.valkey,
    )


def not_running() -> Trouble | None:
    """The sentence for a command that needs the database while none is there; None if one is."""
    if os.environ.get("DATABASE_URL") or running_urls(data_folder()):
        return None
    return Trouble(
        "The database is not running. 'make up' starts it; or set DATABASE_URL.",
        "데이터베이스가 실행 중이 아닙니다. 'make up'으로 시작하거나 DATABASE_URL을 지정하십시오.",
    )


def running_urls(data: Path) -> Urls | None:
    """The URLs of the servers of `data` when both live; None otherwise."""
    state = _read_state(data)
    database, store = state.get("postgres"), state.get("valkey")
    if database is None or store is None or not (_lives(database) and _lives(store)):
        return None
    return Urls(database["url"], store["url"])


def ensure_postgres(data: Path, *, durable: bool = True, keeper: str = "") -> str:
    """The URL of the PostgreSQL of `data`, started when it does not run. Raises Trouble.

    keeper: who will stop it; noted when this call starts it (see `kept_by`).
    """

    def start(home: Path, port: int) -> Entry:
        cluster = postgres.Cluster(home, server_account(), durable)
        process, chosen = postgres.find(cluster) or postgres.start(cluster, port)
        return _entry(process, chosen, cluster.url(chosen), keeper)

    return _ensure(data, "postgres", start)


def ensure_valkey(data: Path, *, durable: bool = True, keeper: str = "") -> str:
    """The URL of the Valkey of `data`, started when it does not run. Raises Trouble.

    keeper: as in ensure_postgres.
    """

    def start(home: Path, port: int) -> Entry:
        store = valkey.Store(home, server_account(), durable)
        process, chosen = valkey.find(store) or valkey.start(store, port)
        return _entry(process, chosen, store.url(chosen), keeper)

    return _ensure(data, "valkey", start)


def kept_by(data: Path, name: str) -> str:
    """Who said they would stop the living server `name` (postgres, valkey); "" when nobody."""
    entry = _read_state(data).get(name)
    return entry["keeper"] if entry and _lives(entry) else ""


def stop_postgres(data: Path) -> bool:
    """Stop the PostgreSQL of `data`; whether there was one to stop."""
    return _stop(data, "postgres", postgres.stop)


def stop_valkey(data: Path) -> bool:
    """Stop the Valkey of `data`; whether there was one to stop."""
    return _stop(data, "valkey", valkey.stop)


def remove(data: Path) -> None:
    """Stop both servers and delete the data folder, with the folder under /var/lib if any."""
    stop_valkey(data)
    stop_postgres(data)
    if noted_home(data) == away(data):
        shutil.rmtree(away(data), ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)


@contextmanager
def only_one(data: Path, name: str = "servers.lock") -> Iterator[None]:
    """One process of this data folder at a time; the others wait."""
    make_data_folder(data)
    try:
        file = (data / name).open("a")
    except OSError as error:
        raise from_os_error(error, str(data / name)) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_data_folder(data: Path) -> None:
    """Make the data folder when it is missing. Raises Trouble."""
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, str(data)) from error


def write_json(path: Path, content: object) -> None:
    """Replace a JSON file of ours in one step, readable by its owner alone. Raises Trouble."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=1)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise from_os_error(error, str(path)) from error


def _ensure(data: Path, name: str, start: Callable[[Path, int], Entry]) -> str:
    with only_one(data):
        state = _read_state(data)
        known = state.get(name)
        if known is not None and _lives(known):
            return known["url"]
        try:
            home = server_home(data, server_account())
            entry = start(home, known["port"] if known else 0)
        except OSError as error:
            raise from_os_error(error, str(error.filename or data)) from error
        write_json(data / STATE, state | {name: entry})
        return entry["url"]


def _stop(data: Path, name: str, stop: Callable[[Process], None]) -> bool:
    if not (data / STATE).exists():
        return False
    with only_one(data):
        entry = _read_state(data).get(name)
        if entry is None or not _lives(entry):
            return False
        stop(Process(entry["pid"], entry["born"]))
        return True


def _entry(process: Process, port: int, url: str, keeper: str) -> Entry:
    born = process.born
    return {"pid": process.pid, "born": born, "port": port, "url": url, "keeper": keeper}


def _lives(entry: Entry) -> bool:
    return Process(entry["pid"], entry["born"]).alive


def _read_state(data: Path) -> dict[str, Entry]:
    """servers.json; empty when there is none or it was cut short by a full disk."""
    try:
        content: dict[str, Entry] = json.loads((data / STATE).read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    except PermissionError as error:
        raise Trouble(
            f"{data / STATE} belongs to another user: the servers were started by somebody"
            " else. Work as that user, or set TESTBED_DATA to a folder of your own.",
            f"{data / STATE}은(는) 다른 사용자의 파일입니다. 서버를 시작한 사용자로 작업하거나"
            " TESTBED_DATA에 자신의 폴더를 지정하십시오.",
        ) from error
    return content


def main(arguments: list[str]) -> int:
    """Start, show or stop the servers of the data folder from the command line."""
    data = data_folder()
    wish = arguments[0] if arguments else "status"
    if wish == "start":
        ensure_postgres(data)
        ensure_valkey(data)
    elif wish == "stop":
        stop_valkey(data)
        stop_postgres(data)
    found = running_urls(data)
    print(f"DATABASE_URL={found.database}\nVALKEY_URL={found.valkey}" if found else "-")
    return 0 if found or wish == "stop" else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(str(trouble))
