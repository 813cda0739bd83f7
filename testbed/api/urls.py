"""/api/v1/: every app's endpoints, the schema, and the page that explains it."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.urls.converters import StringConverter
from drf_spectacular.views import SpectacularAPIView
from rest_framework.negotiation import DefaultContentNegotiation

from testbed.api import views

APPS = (
    "people", "notices", "tools", "material", "process", "booking", "waiting", "outages", "pools",
    "services", "runs", "results", "usage",
)  # fmt: skip


class Anything(StringConverter):
    """Whatever is left of the address: nothing, slashes, line breaks."""

    regex = r"[\s\S]*"


register_converter(Anything, "anything")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(import_module(f"testbed.{app}.api").urlpatterns))
    for app in APPS
    if find_spec(f"testbed.{app}.api")
]
urlpatterns += [
    # YAML, or JSON for ?format=json and those who accept only that.
    path(
        "schema/",
        SpectacularAPIView.as_view(content_negotiation_class=DefaultContentNegotiation),
        name="api_schema",
    ),
    path("docs/", views.docs, name="api_docs"),
    path("<anything:rest>", views.nothing_here, name="api_nothing"),
]
