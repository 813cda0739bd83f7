"""Addresses of the services pages."""

from django.urls import URLPattern, URLResolver, path

from testbed.services import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("services/", views.services, name="services"),
    path("services/new/", views.new_service, name="new_service"),
    path("services/orders/", views.service_orders, name="service_orders"),
    path("services/orders/<int:pk>/", views.service_order, name="service_order"),
    path("services/orders/<int:pk>/finish/", views.finish_order, name="finish_order"),
    path("services/<slug:code>/", views.service, name="service"),
    path("services/<slug:code>/order/", views.order_service, name="order_service"),
    path("services/<slug:code>/edit/", views.edit_service, name="edit_service"),
]
