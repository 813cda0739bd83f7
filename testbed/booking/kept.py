"""Serializers that are made once a thread: making their fields takes longer than using them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

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
    if shape not in _made.by_shape:
        empty: dict[str, Any] = {}
        _made.by_shape[shape] = (shape(context=empty), empty)
    serializer, known = _made.by_shape[shape]
    known.clear()
    known.update(context)
    return serializer  # type: ignore[return-value]
