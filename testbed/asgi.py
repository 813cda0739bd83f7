"""The web process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testbed.settings")
os.environ.setdefault("TESTBED_WEB_POOL", "1")

from django.core.asgi import get_asgi_application

from testbed.bridge import Bridge

if TYPE_CHECKING:
    from testbed.bridge import Message, Receive, Send

_pages = get_asgi_application()

# Only now are the models there that it needs.
from testbed.api.door import ApiHandler  # noqa: E402

_api = Bridge(ApiHandler())


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Pages, with their live streams, by Django's ASGI handler; the API over the bridge."""
    is_api = scope["type"] == "http" and scope["path"].startswith("/api/")
    answer: Any = _api if is_api else _pages
    await answer(scope, receive, send)
