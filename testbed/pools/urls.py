"""Addresses of the pools pages."""

from django.urls import URLPattern, URLResolver, path

from testbed.pools import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("pools/", views.pools, name="pools"),
    path("pools/<int:pk>/", views.pool, name="pool"),
    path("pools/<int:pk>/fix/", views.fix_pool, name="fix_pool"),
    path("bookings/<int:pk>/pool/", views.open_seats, name="open_seats"),
]
