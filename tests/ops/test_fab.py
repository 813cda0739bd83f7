"""The fab's configuration: ports kept, taken ones chosen anew, names that PyVISA reads."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from instruments.resource_name import parse_resource
from testbed.ops import fab


def ports(configuration: fab.Configuration) -> list[int]:
    found = [configuration["control_port"]]
    for tool in configuration["tools"]:
        found += tool["wires"].values()
    return found


def test_ports_are_distinct_and_kept(tmp_path: Path) -> None:
    first = fab.configure(tmp_path, scale=60)

    assert len(set(ports(first))) == 1 + len(fab.CONNECTED) * len(fab.WIRES)
    assert fab.configure(tmp_path, scale=60) == first
    assert json.loads(fab.config_path(tmp_path).read_text()) == first == fab.read(tmp_path)


def test_only_a_taken_port_is_chosen_anew(tmp_path: Path) -> None:
    first = fab.configure(tmp_path, scale=60)
    taken = first["tools"][0]["wires"]["hislip"]
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", taken))
        squatter.listen()
        second = fab.configure(tmp_path, scale=60)

    changed = [pair for pair in zip(ports(first), ports(second), strict=True) if len(set(pair)) > 1]
    assert [before for before, _ in changed] == [taken]


def test_a_port_is_never_given_twice(tmp_path: Path) -> None:
    configuration = fab.configure(tmp_path, scale=60)
    configuration["tools"][1]["wires"]["socket"] = configuration["control_port"]
    fab.config_path(tmp_path).write_text(json.dumps(configuration))

    again = ports(fab.configure(tmp_path, scale=60))
    assert len(again) == len(set(again))


def test_resource_names_are_read_back(tmp_path: Path) -> None:
    configuration = fab.configure(tmp_path, scale=60)

    found = {code: parse_resource(text) for code, text in fab.resources(configuration).items()}
    wires = {tool.code: tool.wire for tool in fab.CONNECTED}
    assert {code: each.wire for code, each in found.items()} == wires
    for entry in configuration["tools"]:
        assert found[entry["name"]].port == entry["wires"][wires[entry["name"]]]


def test_a_configuration_cut_short_is_made_anew(tmp_path: Path) -> None:
    fab.config_path(tmp_path).write_text('{"control_port": 40')

    assert fab.read(tmp_path) is None
    assert fab.configure(tmp_path, scale=1)["scale"] == 1
