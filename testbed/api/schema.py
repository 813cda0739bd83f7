"""What all operations of the OpenAPI schema share: how they say no."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

ERROR = "Error"
JSON = "application/json"
# What drf-spectacular writes for a status that a view declares without words.
UNSAID = ("", "No response body")
SAFE = ("get", "head", "options")
MEANINGS = {
    "400": gettext_lazy("what was sent is not right; `fields` says where"),
    "401": gettext_lazy("no valid token"),
    "403": gettext_lazy("your role does not allow this"),
    "404": gettext_lazy("nothing here that you may see"),
    "409": gettext_lazy("does not fit the present state, or the facility is busy"),
    "415": gettext_lazy("send JSON"),
    "422": gettext_lazy("understood, but breaks a rule"),
    "429": gettext_lazy("too many requests; wait `Retry-After` seconds"),
}


def declare_errors(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """drf-spectacular's hook: adds `Error` and, to every operation, the errors it can answer.

    What a view declares itself stays; an error declared without a body gets the shape `Error`.
    """
    result["components"]["schemas"][ERROR] = _error()
    for address, methods in result["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            for status in statuses(address, method, operation):
                answers.setdefault(status, {})
            for status, answer in answers.items():
                if status in MEANINGS:
                    _complete(answer, status)
            operation["responses"] = dict(sorted(answers.items()))
    return result


def statuses(address: str, method: str, operation: Any) -> set[str]:
    """The errors that follow from what an operation takes, whatever it does."""
    inputs = {parameter["name"]: parameter["in"] for parameter in operation.get("parameters", ())}
    found = set()
    if operation.get("security"):
        found |= {"401"}
    if "{" in address or "page" in inputs:
        found |= {"404"}
    if "query" in inputs.values():
        found |= {"400"}
    if "requestBody" in operation:
        found |= {"400", "415", "422"}
    if method not in SAFE:
        found |= {"403", "409"}
    return found


def _complete(answer: dict[str, Any], status: str) -> None:
    if answer.get("description", "") in UNSAID:
        answer["description"] = str(MEANINGS[status])
    answer.setdefault("content", {JSON: {"schema": {"$ref": f"#/components/schemas/{ERROR}"}}})


def _error() -> dict[str, Any]:
    sentences = {"type": "array", "items": {"type": "string"}}
    return {
        "type": "object",
        "description": _("The one shape of every error."),
        "properties": {
            "code": {"type": "string", "description": _("stable, for programs")},
            "message": {"type": "string", "description": _("a sentence, for people")},
            "fields": {
                "type": "object",
                "additionalProperties": sentences,
                "description": _("sentences by the field they are about"),
            },
        },
        "required": ["code", "message", "fields"],
    }
