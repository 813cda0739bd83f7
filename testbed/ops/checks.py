"""System checks in place of runbooks: what would only show when a run is already waiting.

    ops.W001  a tool's queue that no worker of the Procfile reads
    ops.W002  two tools that reach the same instrument under differently written names
    ops.W003  a VISA resource name that names no instrument
    ops.E001  a task acknowledged late that may outlive the broker's visibility timeout

Those about rows run with `manage.py check --database default` and with `migrate`; they warn,
for a row must not keep a migration from running.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.db import DatabaseError

from instruments.resource_name import InvalidResource, parse_resource
from testbed.celery import app as celery
from testbed.ops.embedded import REPOSITORY
from testbed.ops.supervisor import Line, read_procfile

# kombu's own, where the transport's options name none (seconds).
VISIBILITY_S = 3_600.0


@register(Tags.database)
def check_tools(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Iterable[str] | None = None,
    **kwargs: Any,
) -> list[CheckMessage]:
    """Every connected tool has a worker that reads its queue, and an instrument of its own."""
    if not databases:
        return []
    from testbed.tools.models import Tool

    try:
        tools = list(Tool.objects.exclude(visa_resource=""))
    except DatabaseError:
        # Before the first migration there is nothing to check.
        return []
    queues = {tool.code: tool.queue for tool in tools}
    addresses = {tool.code: tool.visa_resource for tool in tools}
    lines = read_procfile(REPOSITORY / "Procfile")
    return [*unread_queues(queues, lines), *shared_instruments(addresses)]


@register()
def check_visibility(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """No late-acknowledged task may still run when the broker hands it out again."""
    # Not by the loader: importing as a worker does runs the system checks again.
    celery.autodiscover_tasks(force=True)
    options = celery.conf.broker_transport_options or {}
    limits = {
        name: task.time_limit or celery.conf.task_time_limit
        for name, task in celery.tasks.items()
        if task.acks_late and not name.startswith("celery.")
    }
    return outliving(limits, float(options.get("visibility_timeout", VISIBILITY_S)))


def unread_queues(queues: Mapping[str, str], lines: Sequence[Line]) -> list[CheckMessage]:
    """W001 for each queue (by tool code) that no `celery ... -Q` of the Procfile reads."""
    read = {queue for line in lines for queue in worker_queues(line)}
    return [
        Caution(
            f"No worker reads the queue {queue} of the tool {code}: its runs would wait for ever.",
            hint=f"Add a worker with '-Q {queue}' to the Procfile.",
            id="ops.W001",
        )
        for code, queue in queues.items()
        if queue not in read
    ]


def worker_queues(line: Line) -> list[str]:
    """The queues that a line of the Procfile reads."""
    words = line.command.split()
    return words[words.index("-Q") + 1].split(",") if "-Q" in words else []


def shared_instruments(addresses: Mapping[str, str]) -> list[CheckMessage]:
    """W002 and W003 over VISA resource names, by tool code."""
    messages: list[CheckMessage] = []
    owners: dict[tuple[object, ...], str] = {}
    for code, text in addresses.items():
        try:
            parsed = parse_resource(text)
        except InvalidResource as error:
            messages.append(Caution(f"Tool {code}: {error}", id="ops.W003"))
            continue
        where = (parsed.wire, parsed.host.lower(), parsed.port, parsed.device.lower())
        owner = owners.setdefault(where, code)
        if owner != code:
            messages.append(
                Caution(
                    f"The tools {owner} and {code} reach the same instrument, {text}.",
                    hint="Give each tool its own VISA resource name.",
                    id="ops.W002",
                )
            )
    return messages


def outliving(limits: Mapping[str, float | None], visibility_s: float) -> list[CheckMessage]:
    """E001 for each task (name to time limit in s) that can run longer than visibility_s."""
    return [
        Error(
            f"The task {name} is acknowledged late and may run longer than the broker's"
            f" visibility timeout of {visibility_s:.0f} s: it would run twice at once.",
            hint="Give it a time_limit below the visibility timeout.",
            id="ops.E001",
        )
        for name, limit in limits.items()
        if not limit or limit >= visibility_s
    ]
