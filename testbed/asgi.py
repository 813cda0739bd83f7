"""The web process."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testbed.settings")
os.environ.setdefault("TESTBED_WEB_POOL", "1")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
