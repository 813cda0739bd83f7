"""`python -m testbed.ops.carry <address>`: the sample job, and its result as an exit code."""

import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testbed.settings")
    django.setup()
    # The job knows the demo's people and recipes, whose modules need the app registry.
    from testbed.ops.sample_job import carry

    sys.exit(0 if carry(sys.argv[1], sys.stdout) else 1)
