"""`make clean`: stop the embedded servers and delete the data folder and the tools' caches."""

import shutil
import sys

from testbed.ops import embedded
from testbed.ops.trouble import Trouble
from testbed.ops.up import only_run

CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache", ".hypothesis")


def main() -> int:
    """Delete what the product made on this machine, .venv apart; 0, or 1 with a sentence."""
    data = embedded.data_folder()
    try:
        with only_run(data):
            embedded.remove(data)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    for name in CACHES:
        shutil.rmtree(embedded.REPOSITORY / name, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
