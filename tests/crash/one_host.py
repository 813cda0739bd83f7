"""A worker host of one bay, with a data folder of its own: `-m tests.crash.one_host FOLDER BAY`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ["TESTBED_DATA"], bay = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testbed.settings")
    execute_from_command_line(["manage.py", "run_workers", "--bays", bay])
