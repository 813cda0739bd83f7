from django.apps import AppConfig


class WaitingConfig(AppConfig):
    name = "testbed.waiting"
    label = "waiting"

    def ready(self) -> None:
        from testbed.booking.signals import line_changed
        from testbed.waiting.listen import on_line_changed

        line_changed.connect(on_line_changed, dispatch_uid="waiting")
