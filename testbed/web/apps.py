from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "testbed.web"
    label = "web"
