from django.urls import path

from testbed.usage import views

urlpatterns = [
    path("ops/", views.operations, name="ops"),
    path("ops/e10.csv", views.e10_csv, name="ops_e10_csv"),
    path("usage/", views.usage, name="usage"),
    path("usage/lines.csv", views.usage_csv, name="usage_csv"),
]
