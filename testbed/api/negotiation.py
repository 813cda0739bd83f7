"""Every address has one format, so `Accept` and `?format=` cannot ask for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.negotiation import DefaultContentNegotiation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request


class OneFormat(DefaultContentNegotiation):
    """The view's own format, whatever is accepted: a CSV download asks for `text/csv`, and an
    error on the way to it is JSON all the same."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """The first renderer with its media type."""
        first = next(iter(renderers))
        return first, str(first.media_type)
