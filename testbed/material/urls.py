from django.urls import path

from testbed.material import clean_views, views

urlpatterns = [
    path("lots/", views.lots, name="lots"),
    path("lots/new/", views.new_lot, name="new_lot"),
    path("lots/<slug:code>/", views.lot, name="lot"),
    path("lots/<slug:code>/clean/", clean_views.clean_lot, name="clean_lot"),
    path("cleans/", clean_views.cleans, name="cleans"),
    path("cleans/carrier/certify/", clean_views.clean_carrier, name="clean_carrier"),
    path("cleans/<slug:code>/", clean_views.clean, name="clean"),
    path("lots/<slug:code>/check-in/", views.check_in_lot, name="check_in_lot"),
    path("lots/<slug:code>/hand-back/", views.hand_back_lot, name="hand_back_lot"),
]
