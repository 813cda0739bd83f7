from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Compiles each app's django.po into django.mo, without GNU gettext."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("apps", nargs="*", help="app folders; all when none is named")

    def handle(self, *args: Any, **options: Any) -> None:
        from testbed.web import catalogues

        for app in options["apps"] or catalogues.apps():
            if catalogues.compile_app(app):
                self.stdout.write(f"{app}: compiled")
