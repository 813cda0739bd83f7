from django.urls import path

from testbed.material import views

urlpatterns = [
    path("lots/", views.lots, name="lots"),
    path("lots/new/", views.new_lot, name="new_lot"),
    path("lots/<slug:code>/", views.lot, name="lot"),
    path("lots/<slug:code>/check-in/", views.check_in_lot, name="check_in_lot"),
]
