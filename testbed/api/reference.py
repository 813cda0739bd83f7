"""The OpenAPI schema as rows that a template can print."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from testbed.api.generator import public_schema

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Field:
    """One parameter or body field."""

    name: str
    kind: str
    required: bool
    note: str


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    group: str
    method: str
    address: str
    summary: str
    inputs: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...] = field(default=())


def operations() -> list[tuple[str, list[Operation]]]:
    """(group, operations) in the order of the schema."""
    schema = public_schema()
    rows = [
        _operation(schema, address, method, item[method])
        for address, item in schema["paths"].items()
        for method in METHODS
        if method in item
    ]
    return [(name, list(part)) for name, part in groupby(rows, key=lambda row: row.group)]


def _operation(schema: Any, address: str, method: str, item: Any) -> Operation:
    parameters = [
        Field(p["name"], _kind(p.get("schema", {})), p.get("required", False), _note(p))
        for p in item.get("parameters", [])
    ]
    return Operation(
        group=address.removeprefix("/api/v1/").split("/")[0],
        method=method.upper(),
        address=address,
        summary=item.get("description", "").strip().split("\n")[0],
        inputs=tuple(parameters + _body_fields(schema, item)),
        answers=tuple(
            (status, answer.get("description", "")) for status, answer in item["responses"].items()
        ),
    )


def _body_fields(schema: Any, item: Any) -> list[Field]:
    content = item.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _resolve(schema, content.get("schema", {}))
    required = body.get("required", [])
    return [
        Field(name, _kind(_resolve(schema, part)), name in required, _note(part))
        for name, part in body.get("properties", {}).items()
    ]


def _resolve(schema: Any, part: Any) -> Any:
    name = part.get("$ref", "").rpartition("/")[2]
    return schema["components"]["schemas"][name] if name else part


def _kind(part: Any) -> str:
    if "enum" in part:
        return " | ".join(map(str, part["enum"]))
    kind = part.get("type", "object")
    return f"{kind} ({part['format']})" if "format" in part else str(kind)


def _note(part: Any) -> str:
    return str(part.get("description", ""))
