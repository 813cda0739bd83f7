from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "testbed.ops"
    label = "ops"

    def ready(self) -> None:
        from testbed.ops import checks, simulation  # noqa: F401 - checks register themselves

        simulation.connect()
