from django.urls import URLPattern, URLResolver, path

from testbed.ops import fab_page, health

urlpatterns: list[URLPattern | URLResolver] = [
    path("ops/fab/", fab_page.fab, name="fab"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
]
