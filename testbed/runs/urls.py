from django.urls import path

from testbed.runs import (
    control_views,
    floor_views,
    news_views,
    note_views,
    views,
    way_views,
)

urlpatterns = [
    path("lots/<slug:code>/way/", way_views.lot_way, name="lot_way"),
    path("lots/<slug:code>/rework/", way_views.rework_wafers, name="rework_wafers"),
    path("lots/<slug:code>/scrap/", way_views.scrap_wafers, name="scrap_wafers"),
    path("runs/", views.runs, name="runs"),
    path("runs/start/", views.start_run, name="start_run"),
    path("runs/<int:pk>/", views.run, name="run"),
    path("runs/<int:pk>/live/", views.run_live, name="run_live"),
    path("runs/<int:pk>/news/", news_views.run_news, name="run_news"),
    path("runs/<int:pk>/log/", views.run_log, name="run_log"),
    path("runs/<int:pk>/pause/", control_views.pause_run, name="pause_run"),
    path("runs/<int:pk>/resume/", control_views.resume_run, name="resume_run"),
    path("runs/<int:pk>/stop/", control_views.stop_run, name="stop_run"),
    path("runs/<int:pk>/abort/", control_views.abort_run, name="abort_run"),
    path(
        "runs/<int:pk>/emergency-stop/",
        control_views.emergency_stop_run,
        name="emergency_stop_run",
    ),
    path("runs/<int:pk>/resolve/", control_views.resolve_run, name="resolve_run"),
    path("runs/<int:pk>/notes/", note_views.note_run, name="note_run"),
    path("runs/<int:pk>/photos/<int:photo>/", note_views.run_photo, name="run_photo"),
    path("floor/", floor_views.floor, name="floor"),
    path("floor/stop/", floor_views.floor_stop, name="floor_stop"),
    path("floor/runs/<int:pk>/", floor_views.floor_run, name="floor_run"),
    path("floor/carriers/<slug:code>/", floor_views.floor_carrier, name="floor_carrier"),
    path("bays/", floor_views.bays, name="bays"),
    path("bays/<slug:area>/", floor_views.bay, name="bay"),
    path("bays/<slug:area>/tiles/", floor_views.bay_tiles, name="bay_tiles"),
    path("bays/<slug:area>/news/", news_views.bay_news, name="bay_news"),
]
