from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "testbed.people"
    verbose_name = "People"
