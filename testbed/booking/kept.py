"""Serializers that are made once a thread and language: making their fields takes long."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

from django.utils.translation import get_language

if TYPE_CHECKING:
    from rest_framework.serializers import Serializer

Shape = TypeVar("Shape", bound="Serializer[Any]")


class _Made(threading.local):
    def __init__(self) -> None:
        self.by_shape: dict[Any, tuple[Serializer[Any], dict[str, Any]]] = {}


_made = _Made()


def kept(shape: type[Shape], **context: Any) -> Shape:
    """This thread's serializer of the shape, its context replaced; for `run_validation` and
    `to_representation`, which keep nothing of what they are given."""
    # A field fills its limits into a sentence once, in the language of whoever first breaks them.
    key = (shape, get_language())
    if key not in _made.by_shape:
        empty: dict[str, Any] = {}
        _made.by_shape[key] = (shape(context=empty), empty)
    serializer, known = _made.by_shape[key]
    known.clear()
    known.update(context)
    return serializer  # type: ignore[return-value]
