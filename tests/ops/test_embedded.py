"""The embedded servers, started and killed for real."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from testbed.ops import embedded, processes
from testbed.ops.account import Account, programs, server_account, server_home
from testbed.ops.processes import Process
from testbed.ops.trouble import Trouble

ENSURE = """
import sys
from pathlib import Path
from testbed.ops import embedded
print(embedded.ensure_postgres(Path(sys.argv[1]), durable=False))
"""


def entry(data: Path, name: str) -> Process:
    found = json.loads((data / "servers.json").read_text())[name]
    return Process(found["pid"], found["born"])


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def start(data: Path) -> str:
    return embedded.ensure_postgres(data, durable=False)


def modes(folder: Path) -> dict[Path, int]:
    return {each: stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.parents)}


def test_postgres_starts_serves_and_stops(data: Path) -> None:
    url = embedded.ensure_postgres(data)

    assert ask(url, "SELECT current_database()") == "testbed"
    assert ask(url, "SHOW fsync") == "on"
    assert ask(url, "SHOW data_checksums") == "on"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION btree_gist")
    server = entry(data, "postgres")
    assert embedded.stop_postgres(data)
    assert not server.alive
    assert not embedded.stop_postgres(data)


def test_tests_get_a_server_without_fsync(data: Path) -> None:
    assert ask(start(data), "SHOW fsync") == "off"


def test_a_wrong_password_is_refused(data: Path) -> None:
    url = urlsplit(start(data))
    wrong = url._replace(netloc=f"testbed:wrong@127.0.0.1:{url.port}").geturl()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_the_servers_listen_on_loopback_only(data: Path) -> None:
    url = start(data)

    assert ask(url, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(url, "SHOW unix_socket_directories") == ""


def test_a_second_call_finds_the_running_server(data: Path) -> None:
    first = start(data)
    server = entry(data, "postgres")

    assert start(data) == first
    assert entry(data, "postgres") == server


def test_calls_at_once_start_one_server(data: Path) -> None:
    command = [
        sys.executable,
        "-c",
        ENSURE,
        str(data),
    ]

    def call(_: int) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(call, range(3)))) == 1


def test_data_outlives_a_restart(data: Path) -> None:
    with psycopg.connect(embedded.ensure_postgres(data)) as connection:
        connection.execute("CREATE TABLE lot (name text)")
        connection.execute("INSERT INTO lot VALUES ('A1')")
    embedded.stop_postgres(data)

    assert ask(embedded.ensure_postgres(data), "SELECT name FROM lot") == "A1"


def test_a_killed_server_is_started_again_with_its_data(data: Path) -> None:
    with psycopg.connect(embedded.ensure_postgres(data)) as connection:
        connection.execute("CREATE TABLE lot AS SELECT 'A1' AS name")
    killed = entry(data, "postgres")
    os.kill(killed.pid, signal.SIGKILL)
    assert processes.wait_gone(killed, 10)
    assert embedded.running_urls(data) is None

    assert ask(embedded.ensure_postgres(data), "SELECT name FROM lot") == "A1"
    assert entry(data, "postgres") != killed


def test_a_stale_pid_file_naming_another_process_is_no_obstacle(data: Path) -> None:
    start(data)
    pid_file = data / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded.stop_postgres(data)
    # The number now belongs to a living process of ours: this one.
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    assert ask(start(data), "SELECT 1") == 1
    assert processes.identify(os.getpid()) is not None


def test_a_lost_state_file_does_not_lose_the_servers(data: Path) -> None:
    urls = start(data), embedded.ensure_valkey(data)
    servers = entry(data, "postgres"), entry(data, "valkey")
    (data / "servers.json").unlink()

    assert (start(data), embedded.ensure_valkey(data)) == urls
    assert (entry(data, "postgres"), entry(data, "valkey")) == servers


def test_a_state_file_cut_short_counts_as_none(data: Path) -> None:
    (data / "servers.json").write_text('{"postgres": {"pid"')

    assert embedded.running_urls(data) is None
    assert ask(start(data), "SELECT 1") == 1


def test_the_same_port_comes_back_unless_it_was_taken(data: Path) -> None:
    port = urlsplit(start(data)).port
    embedded.stop_postgres(data)
    assert urlsplit(start(data)).port == port
    embedded.stop_postgres(data)

    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port or 0))
        squatter.listen()
        url = start(data)
        assert urlsplit(url).port != port
        assert ask(url, "SELECT 1") == 1


def test_a_data_folder_of_another_version_is_named(data: Path) -> None:
    start(data)
    embedded.stop_postgres(data)
    (data / "postgres" / "PG_VERSION").write_text("15\n")

    with pytest.raises(Trouble, match="was made by PostgreSQL 15, and this is PostgreSQL 1"):
        start(data)


def test_a_foreign_folder_is_not_overwritten(data: Path) -> None:
    (data / "postgres").mkdir()
    (data / "postgres" / "thesis.tex").write_text("years of work")

    with pytest.raises(Trouble, match="not a PostgreSQL data folder"):
        start(data)
    assert (data / "postgres" / "thesis.tex").read_text() == "years of work"


def test_a_broken_configuration_is_a_sentence(data: Path) -> None:
    start(data)
    embedded.stop_postgres(data)
    with (data / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")

    with pytest.raises(Trouble, match="could not be started") as caught:
        start(data)
    assert caught.value.en.endswith('postgresql.conf" contains errors')
    assert "시작하지 못했습니다" in caught.value.ko


def test_a_full_disk_is_a_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1024

    monkeypatch.setattr("testbed.ops.postgres.shutil.disk_usage", lambda path: Usage)
    with pytest.raises(Trouble, match="is full"):
        start(data)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_disk_that_fills_up_while_writing_is_a_sentence(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testbed.ops.embedded.json.dump", fill_the_disk)
    with pytest.raises(Trouble, match="The disk is full"):
        embedded.write_json(data / "state.json", {"a": 1})
    assert list(data.iterdir()) == []


def fill_the_disk(content: object, file: object, indent: int) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a path of ours
        full.write("x" * 10_000)


def test_valkey_starts_answers_and_stops(data: Path) -> None:
    url = embedded.ensure_valkey(data)

    store = redis.Redis.from_url(url)
    assert store.ping()
    assert store.config_get("appendonly") == {"appendonly": "yes"}
    assert store.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    store.close()
    server = entry(data, "valkey")
    assert embedded.stop_valkey(data)
    assert not server.alive


def test_valkey_wants_its_password(data: Path) -> None:
    port = urlsplit(embedded.ensure_valkey(data)).port

    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port or 0).ping()


def test_valkeys_messages_outlive_a_kill(data: Path) -> None:
    store = redis.Redis.from_url(embedded.ensure_valkey(data))
    store.rpush("tool.scanner", "run 1")
    # appendfsync everysec: what a killed process has handed to the kernel stays.
    server = entry(data, "valkey")
    os.kill(server.pid, signal.SIGKILL)
    assert processes.wait_gone(server, 10)

    store = redis.Redis.from_url(embedded.ensure_valkey(data))
    assert store.lrange("tool.scanner", 0, -1) == [b"run 1"]


def test_secrets_are_the_owners_alone(data: Path) -> None:
    start(data)
    embedded.ensure_valkey(data)

    private = ["servers.json", "postgres.password", "valkey.password", "valkey.conf"]
    assert {stat.S_IMODE((data / name).stat().st_mode) for name in private} == {0o600}
    assert stat.S_IMODE((data / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "valkey").stat().st_mode) == 0o700


def test_no_existing_folder_changes_its_mode(data: Path) -> None:
    programs_of = Path(sys.prefix) / "lib"
    before = modes(data) | modes(programs_of)

    start(data)
    embedded.ensure_valkey(data)

    assert modes(data) | modes(programs_of) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a powerless account to fall to")
def test_root_runs_the_servers_under_a_powerless_account(data: Path) -> None:
    start(data)

    owner = Path(f"/proc/{entry(data, 'postgres').pid}").stat().st_uid
    assert owner == server_account().uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a powerless account to fall to")
def test_root_in_a_closed_folder_uses_one_under_var_lib(data: Path) -> None:
    closed = data / "closed"
    closed.mkdir(mode=0o700)
    inner = closed / "var"
    before = modes(closed)
    try:
        assert ask(start(inner), "SELECT 1") == 1
        home = Path((inner / "server-home").read_text().strip())
        assert home.parent == Path("/var/lib")
        assert home.name.startswith("testbed-")
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert modes(closed) == before
    finally:
        embedded.remove(inner)
    assert not home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a powerless account to fall to")
def test_unreachable_programs_are_copied_once(data: Path) -> None:
    account = server_account()
    site = data / "site"
    site.mkdir(mode=0o700)
    (site / "tool").write_text("#!/bin/sh\necho one\n")
    (site / "tool").chmod(0o755)
    home = data / "home"
    home.mkdir(mode=0o711)

    copied = programs(site, ("tool",), home, account, "v1")
    assert copied == home / "programs-v1"
    assert account.reaches(copied / "tool")
    (site / "tool").write_text("#!/bin/sh\necho two\n")
    assert programs(site, ("tool",), home, account, "v1") == copied
    assert "one" in (copied / "tool").read_text()
    assert stat.S_IMODE(site.stat().st_mode) == 0o700


def test_the_chosen_home_stays(data: Path) -> None:
    account = Account()
    assert server_home(data, account) == data
    other = data / "elsewhere"
    (data / "server-home").write_text(str(other))

    assert server_home(data, account) == other


def test_a_moved_data_folder_still_works(data: Path) -> None:
    before, after = data / "before", data / "after"
    before.mkdir(mode=0o711)
    with psycopg.connect(start(before)) as connection:
        connection.execute("CREATE TABLE lot AS SELECT 'A1' AS name")
    embedded.stop_postgres(before)
    before.rename(after)

    try:
        assert ask(start(after), "SELECT name FROM lot") == "A1"
    finally:
        embedded.stop_postgres(after)


def test_a_long_path_is_no_obstacle(data: Path) -> None:
    deep = data / ("a-folder-name-of-forty-letters-or-so-xx/" * 4) / "var"

    assert len(str(deep)) > 107
    assert ask(start(deep), "SELECT 1") == 1
    embedded.remove(deep)


def test_urls_prefer_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/db")
    monkeypatch.delenv("VALKEY_URL", raising=False)

    found = embedded.urls(data)
    assert found.database == "postgres://elsewhere/db"
    assert urlsplit(found.valkey).port == embedded.NOWHERE


def test_urls_without_servers_refuse_at_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(embedded.urls(data).database)


def test_the_keeper_is_who_started_the_server(data: Path) -> None:
    embedded.ensure_postgres(data, durable=False)
    embedded.ensure_postgres(data, durable=False, keeper="up")
    assert embedded.kept_by(data, "postgres") == ""
    embedded.stop_postgres(data)
    embedded.ensure_postgres(data, durable=False, keeper="up")
    assert embedded.kept_by(data, "postgres") == "up"


def test_a_folder_that_cannot_be_made_is_a_sentence(data: Path) -> None:
    (data / "file").write_text("not a folder")

    with pytest.raises(Trouble, match="could not be used"):
        start(data / "file" / "var")


def test_the_command_says_a_sentence_not_a_traceback(data: Path) -> None:
    (data / "postgres").mkdir()
    (data / "postgres" / "thesis.tex").write_text("years of work")
    environment = {key: text for key, text in os.environ.items() if key != "DATABASE_URL"}

    done = subprocess.run(
        [sys.executable, "-m", "testbed.ops.embedded", "start"],
        env=environment | {"TESTBED_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PostgreSQL 데이터가 아닌 파일" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_without_a_database_is_told_so(data: Path) -> None:
    kept = {key: text for key, text in os.environ.items() if not key.endswith("_URL")}
    done = subprocess.run(
        [sys.executable, "manage.py", "showmigrations"],
        cwd=embedded.REPOSITORY,
        env=kept | {"TESTBED_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "The database is not running. 'make up' starts it" in done.stderr
    assert "Traceback" not in done.stderr
