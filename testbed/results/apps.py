from django.apps import AppConfig


class ResultsConfig(AppConfig):
    name = "testbed.results"
    label = "results"

    def ready(self) -> None:
        from testbed.results.orders import on_run_ended
        from testbed.runs.signals import run_ended

        run_ended.connect(on_run_ended, dispatch_uid="results.on_run_ended")
