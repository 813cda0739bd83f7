"""`python -m instruments.fab`: start the simulated fab and serve until stopped."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

from instruments.fab.config import BadConfig, FabConfig, default_config, read_config
from instruments.fab.fab import run


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when stopped, 2 when it cannot start (with a sentence on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m instruments.fab", description=__doc__)
    parser.add_argument("--config", type=Path, help="JSON file: tools, seed, scale, control_port")
    parser.add_argument("--ports-file", type=Path, help="where to write the ports once open")
    parser.add_argument("--seed", type=int, help="overrides the configuration's seed")
    parser.add_argument("--scale", type=float, help="overrides the clock scale")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(_config(options), options.ports_file))
    except BadConfig as error:
        print(f"The simulated fab cannot be built: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"The simulated fab cannot start: {error}", file=sys.stderr)
        return 2
    return 0


def _config(options: argparse.Namespace) -> FabConfig:
    config = read_config(options.config) if options.config else default_config()
    if options.seed is not None:
        config = replace(config, seed=options.seed)
    if options.scale is not None:
        config = replace(config, scale=options.scale)
    return config


async def _serve(config: FabConfig, ports_file: Path | None) -> None:
    serving = asyncio.ensure_future(run(config, ports_file))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    sys.exit(main())
