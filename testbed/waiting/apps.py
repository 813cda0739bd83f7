from django.apps import AppConfig


class WaitingConfig(AppConfig):
    name = "testbed.waiting"
    label = "waiting"
