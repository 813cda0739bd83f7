from django.apps import AppConfig


class ServicesConfig(AppConfig):
    name = "testbed.services"
    label = "services"
