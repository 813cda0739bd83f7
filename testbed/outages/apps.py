from django.apps import AppConfig


class OutagesConfig(AppConfig):
    name = "testbed.outages"
    label = "outages"
