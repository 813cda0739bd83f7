"""How the product says no: a code, a sentence in the reader's language, and what to do next."""

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """A request that cannot be done, in words for the person who made it.

    `code` is stable and machine-readable; `message` is a lazily translated sentence; `fields` maps
    a field's name to its sentences; `next_step` says what to do; `extra` travels to the API as is.
    Never put an exception's own text in `message`: a database's detail names other companies.
    """

    def __init__(
        self,
        code: str,
        message: Any,
        *,
        status: int = 409,
        fields: Mapping[str, Any] | None = None,
        next_step: Any = "",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})
        self.next_step = next_step
        self.extra = dict(extra or {})

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
