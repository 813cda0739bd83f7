"""Whether a tool still answers on its wire: one row a tool, kept by whoever asks idle tools."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from testbed.tools.models import Tool


class Trouble(models.TextChoices):
    """What was wrong when a tool was asked; empty when nothing was."""

    UNREACHABLE = "unreachable", _("cannot be reached")
    SILENT = "silent", _("does not answer")
    GARBLED = "garbled", _("answers nonsense")
    STRANGER = "stranger", _("another tool answers at its address")


class Pulse(models.Model):
    """When a tool was last asked, when it last answered, and since when it does not.

    misses: how often in a row it did not answer; tool_says: its own word for its state.
    """

    tool = models.OneToOneField(Tool, on_delete=models.CASCADE, related_name="pulse")
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    silent_since = models.DateTimeField(null=True, blank=True)
    misses = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=12, choices=Trouble.choices, blank=True)
    tool_says = models.CharField(max_length=12, blank=True)

    class Meta:
        ordering = ("tool",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(misses=0, trouble="", silent_since=None)
                | models.Q(misses__gt=0, silent_since__isnull=False) & ~models.Q(trouble=""),
                name="pulse_says_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_id} {self.trouble or 'answers'}"
