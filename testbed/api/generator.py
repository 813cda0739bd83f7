"""The OpenAPI schema, made once a language in each process: making it takes half a second."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator


class OnceALanguage(SchemaGenerator):
    """drf-spectacular's generator, whose public schema is the same for whoever asks."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        """Of a version that the reader names, or of one reader's own: made for him, as ever."""
        if not public or self.api_version:
            return super().get_schema(request=request, public=public)  # type: ignore[no-untyped-call]
        return public_schema()


def public_schema() -> Any:
    """The schema in the present language; shared, so nobody changes it."""
    return _public_schema(get_language())


# A reader may name any language, and each would stay.
@lru_cache(maxsize=4)
def _public_schema(language: str | None) -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
