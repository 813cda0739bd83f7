"""Mail where no mail server is set: each message becomes an .eml file in the data folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.mail import EmailMessage


class EmlBackend(BaseEmailBackend):
    """Named after its Message-ID, so that a message written twice is still one file."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many were written. OSError when the folder cannot be."""
        folder = Path(settings.MAIL_FOLDER)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for one in email_messages:
            sealed = one.message()
            name = hashlib.sha256(str(sealed["Message-ID"]).encode()).hexdigest()[:24]
            half = folder / f"{name}.part"
            half.write_bytes(sealed.as_bytes())
            half.replace(folder / f"{name}.eml")
        return len(email_messages)
