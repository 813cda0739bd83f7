"""Recompute log and data of one run, or of all: proves whether a byte was changed."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from testbed.runs import proof
from testbed.runs.models import Run


class Command(BaseCommand):
    help = "Recomputes the hashes of a run's log, recipe and data; exit code 1 when any is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("runs", nargs="*", type=int, help="run numbers; all when none is given")

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for run in self._wanted(options["runs"]):
            verdict = proof.verify(run)
            broken += not verdict.whole
            place = "" if verdict.whole else f" (event {verdict.broken_at})"
            word = "whole" if verdict.whole else "BROKEN"
            counts = f"{verdict.events} events, {verdict.data} values and curves"
            self.stdout.write(f"{run}: {word}, {counts}. {verdict.sentence}{place}")
        if broken:
            sys.exit(1)

    def _wanted(self, numbers: list[int]) -> QuerySet[Run]:
        rows: QuerySet[Run] = Run.objects.select_related("recipe_version").order_by("pk")
        if not numbers:
            return rows
        missing = set(numbers) - set(rows.filter(pk__in=numbers).values_list("pk", flat=True))
        if missing:
            raise CommandError(f"No such run: {', '.join(map(str, sorted(missing)))}")
        return rows.filter(pk__in=numbers)
