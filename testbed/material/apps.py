from django.apps import AppConfig


class MaterialConfig(AppConfig):
    name = "testbed.material"
    label = "material"
