from django.urls import URLPattern, URLResolver, path

from testbed.tools import commands_views, qualification_views, supply_views, training_views, views

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
    path("trainings/", training_views.trainings, name="trainings"),
    path(
        "trainings/<int:pk>/withdraw/", training_views.withdraw_training, name="withdraw_training"
    ),
    path("courses/", training_views.courses, name="courses"),
    path("courses/<slug:code>/", training_views.course, name="course"),
    path("supplies/", supply_views.supplies, name="supplies"),
    path("supplies/<slug:code>/", supply_views.supply, name="supply"),
    path("loadings/", supply_views.load_tool, name="load_tool"),
    path("loadings/<int:pk>/unload/", supply_views.unload_tool, name="end_loading"),
    path("capabilities/", supply_views.capabilities, name="capabilities"),
    path("capabilities/<slug:code>/", supply_views.capability, name="capability"),
    path("tools/", views.tools, name="tools"),
    path("tools/<slug:code>/", views.tool, name="tool"),
    path("tools/<slug:code>/commands/", commands_views.tool_commands, name="tool_commands"),
    path("tools/<slug:code>/emergency-stop/", views.emergency_stop, name="tool_stop"),
    path(
        "tools/<slug:code>/clear-emergency-stop/",
        views.clear_emergency_stop,
        name="tool_clear_stop",
    ),
]
