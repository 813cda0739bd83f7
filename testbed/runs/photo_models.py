"""Pictures that people put into a run's log."""

from typing import ClassVar

import pgtrigger
from django.db import models

from testbed.people.models import User
from testbed.runs.models import Run
from testbed.runs.querysets import DataQuerySet

MOST_BYTES = 8 * 1024 * 1024


class RunPhoto(models.Model):
    """A picture, kept with the run as it was hashed into the run's log; append-only.

    In the database, and nowhere under the folder of static files: it is backed up with its run
    and is served only to who may see the run.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="photos")
    sha256 = models.CharField(max_length=64, help_text="of `content`, which stands in the log too")
    media_type = models.CharField(
        max_length=10, choices=[("image/jpeg", "JPEG"), ("image/png", "PNG")]
    )
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    content = models.BinaryField()
    taken_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    objects = DataQuerySet.as_manager()

    class Meta:
        ordering = ("run", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # The same picture sent twice (a second press, a bad connection) is kept once.
            models.UniqueConstraint(fields=["run", "sha256"], name="run_photo_once"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="as_hashed_and_not_too_large",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=f"""
                    IF octet_length(NEW.content) > {MOST_BYTES}
                       OR encode(sha256(NEW.content), 'hex') <> NEW.sha256 THEN
                        RAISE EXCEPTION 'run_photo_not_as_hashed'
                            USING ERRCODE = '23514', CONSTRAINT = 'run_photo_as_hashed';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.sha256[:12]}"
