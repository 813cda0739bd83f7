"""Lists come in pages of 50, at most 200."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

LARGEST = 200


class Pages(PageNumberPagination):
    """`page` counts from 1 (404 beyond the end); `page_size` outside 1 to 200 is a 400."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = LARGEST

    def get_page_size(self, request: Request) -> int | None:
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        size = _whole(text)
        if not 1 <= size <= LARGEST:
            sentence = _("Ask for 1 to %(largest)d entries a page.") % {"largest": LARGEST}
            raise ValidationError({"page_size": sentence})
        return size

    def get_page_number(self, request: Request, paginator: Any) -> int:
        """Zero, which no list has, for anything but a whole number."""
        return _whole(request.query_params.get("page", "1"))

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        """Whole numbers from 1; DRF's own description gives no limits."""
        page = {"type": "integer", "minimum": 1, "default": 1}
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": self.page_size}
        return [
            _query("page", page, _("Which page of the list.")),
            _query("page_size", size, _("How many entries a page.")),
        ]


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
    }
