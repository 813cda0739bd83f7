"""One migrated database for a whole test session, of which everybody takes a copy.

Migrating takes PostgreSQL and Django seconds of work, a copy takes neither: the process that
starts the workers of pytest-xdist begins to migrate a database in the background, and whoever
needs one waits for the lock that the migrating process holds.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg import sql

NAME = "migrated"
FOLDER = "TESTBED_TESTS_MIGRATED"
ROOT = Path(__file__).resolve().parents[1]
MADE = "migrated.made"


def begin(folder: Path) -> None:
    """Start migrating a database of the server at DATABASE_URL; its lock and log in `folder`."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{NAME}"
    with (folder / "migrated.lock").open("w") as lock, (folder / "migrated.log").open("w") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The lock is the open file's, which the child inherits: it falls when the child ends.
        subprocess.Popen(
            [sys.executable, "-m", "tests.migrated", str(folder)], cwd=ROOT, stdout=log,
            stderr=subprocess.STDOUT, pass_fds=[lock.fileno()], start_new_session=True,
            env=os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "testbed.settings"},
        )  # fmt: skip
    os.environ[FOLDER] = str(folder)


def template() -> str | None:
    """The migrated database's name, once it is there; None in a session that makes none."""
    if FOLDER not in os.environ:
        return None
    folder = Path(os.environ[FOLDER])
    with (folder / "migrated.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
    if not (folder / MADE).exists():
        raise RuntimeError((folder / "migrated.log").read_text())
    return NAME


def main(folder: Path) -> None:
    """Migrate the database at DATABASE_URL, and say so in `folder`."""
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    # A database is copied only while nobody is connected to it.
    connection.close()
    (folder / MADE).touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
