from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "testbed.runs"
    label = "runs"

    def ready(self) -> None:
        from testbed.runs.safety import on_emergency_stop
        from testbed.tools.signals import emergency_stopped

        emergency_stopped.connect(on_emergency_stop, dispatch_uid="runs.safe")
