"""/api/v1/: every app's endpoints, the schema, and the page that explains it."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from testbed.api import views

APPS = ("people", "tools", "material", "process", "booking", "runs", "results", "usage")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(import_module(f"testbed.{app}.api").urlpatterns))
    for app in APPS
    if find_spec(f"testbed.{app}.api")
]
urlpatterns += [
    path("schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("docs/", views.docs, name="api_docs"),
    path("<path:rest>", views.nothing_here, name="api_nothing"),
]
