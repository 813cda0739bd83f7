from django.apps import AppConfig


class ToolsConfig(AppConfig):
    name = "testbed.tools"
    label = "tools"
