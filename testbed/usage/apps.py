from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "testbed.usage"
    label = "usage"
