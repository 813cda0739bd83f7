"""Addresses of the outages pages."""

from django.urls import URLPattern, URLResolver, path

from testbed.outages import answer_views, failure_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("outages/", views.outages, name="outages"),
    path("outages/new/", views.new_outage, name="new_outage"),
    path("outages/<int:pk>/", views.outage, name="outage"),
    path("outages/<int:pk>/edit/", views.edit_outage, name="edit_outage"),
    path("outages/<int:pk>/withdraw/", views.withdraw_outage, name="withdraw_outage"),
    path("outages/<int:pk>/end/", views.end_outage, name="end_outage"),
    path("rebookings/<int:pk>/", answer_views.rebooking, name="rebooking"),
    path("rebookings/<int:pk>/accept/", answer_views.accept_rebooking, name="accept_rebooking"),
    path("rebookings/<int:pk>/choose/", answer_views.choose_rebooking, name="choose_rebooking"),
    path(
        "rebookings/<int:pk>/choose-chain/",
        answer_views.choose_rebooking_chain,
        name="choose_rebooking_chain",
    ),
    path("rebookings/<int:pk>/decline/", answer_views.decline_rebooking, name="decline_rebooking"),
    path("utilities/", views.utilities, name="utilities"),
    path("utilities/<slug:code>/", views.utility, name="utility"),
    path("utilities/<slug:code>/down/", failure_views.supply_down, name="supply_down"),
    path("utilities/<slug:code>/back/", failure_views.supply_back, name="supply_back"),
]
