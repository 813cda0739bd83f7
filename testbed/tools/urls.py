from django.urls import URLPattern, URLResolver, path

from testbed.tools import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("tools/", views.tools, name="tools"),
    path("tools/<slug:code>/", views.tool, name="tool"),
    path("tools/<slug:code>/emergency-stop/", views.emergency_stop, name="tool_stop"),
    path(
        "tools/<slug:code>/clear-emergency-stop/",
        views.clear_emergency_stop,
        name="tool_clear_stop",
    ),
]
