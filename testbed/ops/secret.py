"""The key that signs sessions: from the environment, or made once and kept in the data folder."""

import os
import secrets
from pathlib import Path

from testbed.ops.embedded import make_data_folder

NAME = "secret-key"


def secret_key(data: Path) -> str:
    """The data folder's own key, made on first use, readable by its owner alone."""
    path = data / NAME
    if not path.exists():
        make_data_folder(data)
        draft = path.with_name(f"{NAME}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            # A link fails when another process was first; its key then counts.
            os.link(draft, path)
        except FileExistsError:
            return path.read_text()
        finally:
            draft.unlink()
    return path.read_text()
