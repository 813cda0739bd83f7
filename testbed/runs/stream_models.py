"""What a tool's sensors said while a step ran, as it came in; folded into curves at its end."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from testbed.runs.models import Step


class Stream(models.Model):
    """The channels that are logged while a step lasts: `channels` is [[key, unit], ...]."""

    step = models.OneToOneField(Step, on_delete=models.CASCADE, related_name="stream")
    channels = models.JSONField()
    dt_s = models.FloatField()

    def __str__(self) -> str:
        return f"{self.step_id} ({len(self.channels)})"


class StreamBlock(models.Model):
    """Samples `first` to `first + count - 1`: little-endian float32, row by row."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="blocks")
    first = models.BigIntegerField()
    count = models.PositiveIntegerField()
    samples = models.BinaryField()

    class Meta:
        ordering = ("stream", "first")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["stream", "first"], name="stream_block_once"),
            models.CheckConstraint(
                condition=models.Q(count__gt=0, first__gte=0), name="stream_block_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stream_id} {self.first}+{self.count}"
