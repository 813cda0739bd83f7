from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "testbed.api"
    label = "api"
