from django.apps import AppConfig


class ProcessConfig(AppConfig):
    name = "testbed.process"
    label = "process"
