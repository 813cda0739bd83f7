"""Serializers that write plain attributes: the same answer as DRF's, without its search for it.

For each field of each row DRF asks anew whether the attribute is a callable, an error or missing.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.utils.functional import cached_property
from rest_framework import serializers

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model

    Field = serializers.Field[Any, Any, Any, Any]

Row = TypeVar("Row", bound="Model")


class WrittenSerializer(serializers.ModelSerializer[Row], Generic[Row]):
    """A model's rows as plain values. No source is a method but `__str__`; `a.b` of no a is None.

    For reading alone: what one of its own methods says goes out as it is.
    """

    @cached_property
    def _writers(self) -> tuple[tuple[str, Callable[[Row], Any]], ...]:
        return tuple((str(one.field_name), self._writer(one)) for one in self._readable_fields)

    def _writer(self, field: Field) -> Callable[[Row], Any]:
        if isinstance(field, serializers.SerializerMethodField):
            said: Callable[[Row], Any] = getattr(self, field.method_name)
            return said
        if field.source == "__str__":
            return str
        if isinstance(field, serializers.PrimaryKeyRelatedField):
            return attrgetter(f"{field.source}_id")
        # A subclass may write more than text.
        write = str if type(field) is serializers.CharField else field.to_representation
        return _written(tuple(field.source_attrs), write)

    def to_representation(self, instance: Row) -> dict[str, Any]:
        return {name: write(instance) for name, write in self._writers}


def _written(names: tuple[str, ...], write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(row: Any) -> Any:
        for name in names:
            row = getattr(row, name)
            if row is None:
                return None
        return write(row)

    return read
