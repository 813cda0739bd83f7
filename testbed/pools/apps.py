from django.apps import AppConfig


class PoolsConfig(AppConfig):
    name = "testbed.pools"
    label = "pools"
