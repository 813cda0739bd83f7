from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "testbed.ops"
    label = "ops"
