from django.apps import AppConfig


class ServicesConfig(AppConfig):
    name = "testbed.services"
    label = "services"

    def ready(self) -> None:
        from testbed.booking.signals import line_changed
        from testbed.services.follow import on_line_changed

        line_changed.connect(on_line_changed, dispatch_uid="service_orders")
