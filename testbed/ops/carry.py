"""`python -m testbed.ops.carry <address>`: the sample job, and its result as an exit code."""

import sys

from testbed.ops.sample_job import carry

if __name__ == "__main__":
    sys.exit(0 if carry(sys.argv[1], sys.stdout) else 1)
