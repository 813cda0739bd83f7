from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "testbed.usage"
    label = "usage"

    def ready(self) -> None:
        from testbed.runs.signals import run_ended
        from testbed.usage.ended import settle_ended

        run_ended.connect(settle_ended, dispatch_uid="usage.settle_ended")
