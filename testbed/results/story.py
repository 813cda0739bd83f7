"""A wafer's whole story: every run it was in, who ran it, on which tool, with which recipe."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch

from testbed.material.models import Wafer
from testbed.runs.models import Run, RunWafer, Step
from testbed.runs.titles import title_of


@dataclass(frozen=True)
class Chapter:
    """One run of the wafer: the run, the wafer's state in it, and its own steps in order."""

    run: Run
    part: RunWafer
    steps: list[Step]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(title, state) of each step in the reader's language."""
        return [(title_of(step), step.get_state_display()) for step in self.steps]


def chapters(wafer: Wafer) -> list[Chapter]:
    """Every run of the wafer in the order they happened (two queries)."""
    steps = Step.objects.filter(wafer=wafer).select_related("wafer").order_by("seq")
    own = Prefetch("run__steps", steps, to_attr="own")
    parts = (
        RunWafer.objects.filter(wafer=wafer)
        .select_related(
            "run__tool", "run__operation", "run__recipe_version__recipe", "run__started_by"
        )
        .prefetch_related(own)
        .order_by("run_id")
    )
    return [Chapter(part.run, part, list(getattr(part.run, "own", []))) for part in parts]
