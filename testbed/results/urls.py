from django.urls import path

from testbed.results import measured_views, views

urlpatterns = [
    path("results/", views.index, name="results"),
    path("results/<int:pk>/", views.traveler, name="result"),
    path("lots/<slug:code>/wafers/<int:slot>/", views.wafer, name="wafer"),
    path("runs/<int:pk>/measured/", measured_views.run_measured, name="run_measured"),
    path("runs/<int:pk>/traces/", views.run_traces, name="run_traces"),
    path("runs/<int:pk>/traces/<slug:key>.csv", views.trace_csv, name="run_trace_csv"),
    path("runs/<int:pk>/sites.csv", views.sites_csv, name="run_sites_csv"),
]
