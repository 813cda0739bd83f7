"""Addresses of the waiting list's pages."""

from django.urls import URLPattern, URLResolver, path

from testbed.waiting import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("waiting/", views.waiting, name="waiting"),
    path("waiting/new/", views.wait, name="wait"),
]
