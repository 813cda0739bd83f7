"""`manage.py migrate`, which may think inside its transaction for as long as it takes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import no_translations
from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        """Between two statements of a migration Python works out the next: on a busy machine
        longer than a process of the product may sit still inside a transaction."""
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = 0")
        try:
            super().handle(*args, **options)
        finally:
            if connection.connection is not None and not connection.needs_rollback:
                with connection.cursor() as cursor:
                    cursor.execute("RESET idle_in_transaction_session_timeout")
