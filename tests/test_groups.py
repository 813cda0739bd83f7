"""Tests of one group share a browser, a fab or the network's names: one process runs them all."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("a group")
def test_a_group_is_known_to_whoever_hands_tests_out(request: pytest.FixtureRequest) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        # By this name alone pytest-xdist keeps a group together; without it nothing else fails.
        assert request.node.nodeid.endswith("@a group")
