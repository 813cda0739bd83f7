from django.urls import path

from testbed.material import views

urlpatterns = [
    path("lots/", views.lots, name="lots"),
    path("lots/new/", views.new_lot, name="new_lot"),
    path("lots/<slug:code>/", views.lot, name="lot"),
    path("lots/<slug:code>/check-in/", views.check_in_lot, name="check_in_lot"),
    path("lots/<slug:code>/hand-back/", views.hand_back_lot, name="hand_back_lot"),
]
