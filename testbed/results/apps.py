from django.apps import AppConfig


class ResultsConfig(AppConfig):
    name = "testbed.results"
    label = "results"
