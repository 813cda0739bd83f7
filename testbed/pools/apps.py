from django.apps import AppConfig


class PoolsConfig(AppConfig):
    name = "testbed.pools"
    label = "pools"

    def ready(self) -> None:
        from testbed.pools.follow import connect

        connect()
