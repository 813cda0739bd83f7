"""`manage.py up`: the same as `make up`, in an environment that is already installed."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from testbed.ops import up


class Command(BaseCommand):
    help = "Start everything on this machine, carry the sample job, and serve until Ctrl-C."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own declaration

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop after the sample job")

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(up.main(["--once"] if options["once"] else []))
