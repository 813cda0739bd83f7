"""`manage.py run_workers --bays litho,metrology`: the tool workers of one host."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from testbed.ops import workers
from testbed.ops.embedded import data_folder
from testbed.ops.trouble import Trouble


class Command(BaseCommand):
    help = "Run the workers of the tools in some bays, until Ctrl-C or a polite kill."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bays",
            default=os.environ.get("TESTBED_BAYS", ""),
            help=f"some of {','.join(workers.ALL)}; TESTBED_BAYS, or every bay, when left out",
        )
        parser.add_argument(
            "--together", action="store_true", help="one process a bay instead of one a tool"
        )

        parser.add_argument(
            "--list", action="store_true", help="say the workers as lines of a Procfile, run none"
        )

    def handle(self, *args: Any, bays: str, together: bool, **options: Any) -> None:
        try:
            found = workers.lines(workers.chosen_bays(bays), together=together)
            for line in found:
                words = f"{line.name}: {line.command}" if options["list"] else line.name
                self.stdout.write(words)
            if options["list"]:
                return
            workers.serve(data_folder(), found)
        except Trouble as trouble:
            raise CommandError(str(trouble)) from trouble
