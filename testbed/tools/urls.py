from django.urls import URLPattern, URLResolver, path

from testbed.tools import qualification_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("qualifications/", qualification_views.qualifications, name="qualifications"),
    path(
        "qualifications/grant/",
        qualification_views.grant_qualification,
        name="grant_qualification",
    ),
    path(
        "qualifications/<int:pk>/renew/",
        qualification_views.renew_qualification,
        name="renew_qualification",
    ),
    path(
        "qualifications/<int:pk>/withdraw/",
        qualification_views.withdraw_qualification,
        name="withdraw_qualification",
    ),
    path("tools/", views.tools, name="tools"),
    path("tools/<slug:code>/", views.tool, name="tool"),
    path("tools/<slug:code>/emergency-stop/", views.emergency_stop, name="tool_stop"),
    path(
        "tools/<slug:code>/clear-emergency-stop/",
        views.clear_emergency_stop,
        name="tool_clear_stop",
    ),
]
