#!/usr/bin/env python
"""Every command of the product."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError

from testbed.ops import embedded
from testbed.ops.trouble import Trouble

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testbed.settings")
    try:
        execute_from_command_line(sys.argv)
    except Trouble as trouble:
        sys.exit(str(trouble))
    except OperationalError:
        missing = embedded.not_running()
        if missing is None:
            raise
        sys.exit(str(missing))
