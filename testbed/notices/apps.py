from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "testbed.notices"
    label = "notices"
