from django.apps import AppConfig


class BookingConfig(AppConfig):
    name = "testbed.booking"
    label = "booking"
