from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Brings each app's Korean catalogue up to its sources; translations stay."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("apps", nargs="*", help="app folders; all when none is named")
        parser.add_argument("--prune", action="store_true", help="drop what left the sources")

    def handle(self, *args: Any, **options: Any) -> None:
        from testbed.web import catalogues

        for app in options["apps"] or catalogues.apps():
            outcome = catalogues.update(app, prune=options["prune"])
            self.stdout.write(
                f"{app}: {len(outcome.added)} new, {len(outcome.borrowed)} borrowed, "
                f"{len(outcome.gone)} gone, {len(outcome.untranslated)} without Korean"
            )
            for sentence in outcome.untranslated:
                self.stdout.write(f"   {sentence!r}")
