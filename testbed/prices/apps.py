from django.apps import AppConfig


class PricesConfig(AppConfig):
    name = "testbed.prices"
    label = "prices"
