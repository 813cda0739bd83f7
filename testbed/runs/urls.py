from django.urls import path

from testbed.runs import views

urlpatterns = [
    path("runs/", views.runs, name="runs"),
    path("runs/start/", views.start_run, name="start_run"),
    path("runs/<int:pk>/", views.run, name="run"),
    path("runs/<int:pk>/live/", views.run_live, name="run_live"),
    path("runs/<int:pk>/log/", views.run_log, name="run_log"),
    path("runs/<int:pk>/stop/", views.stop_run, name="stop_run"),
    path("runs/<int:pk>/abort/", views.abort_run, name="abort_run"),
    path("runs/<int:pk>/resolve/", views.resolve_run, name="resolve_run"),
]
