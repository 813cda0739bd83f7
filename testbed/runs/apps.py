from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "testbed.runs"
    label = "runs"
