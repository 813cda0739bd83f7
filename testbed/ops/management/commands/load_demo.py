"""`manage.py load_demo`: the demo facility; running it again changes nothing that is there."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from testbed.ops.demo import (
    closures,
    experiment,
    floor,
    people,
    pools,
    recipes,
    services,
    waits,
    week,
)


class Command(BaseCommand):
    help = "Loads the demo facility: tools, companies, people, carriers, recipes, a route."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            cast = people.load()
            floor.load()
            closures.load()
            signer = cast["process@testbed.example"]
            recipes.load(author=cast["author@testbed.example"], signer=signer)
            services.load()
            people_by_name = {name.partition("@")[0]: user for name, user in cast.items()}
            week.load(people=people_by_name, approver=signer)
            pools.load(people=people_by_name, approver=signer)
            waits.load(people=people_by_name)
            experiment.load(people=people_by_name)
        self.stdout.write("데모 로그인 · Demo sign-ins")
        for person in people.CAST:
            self.stdout.write(f"{person.email:30s} {people.PASSWORD}   {person.role.value}")
