"""A real browser against the real product."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from testbed.ops import chromium
from tests.e2e import facility as build
from tests.e2e import site as product
from tests.e2e.visits import Visitor

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def site_database(django_db_blocker: Any) -> Iterator[str]:
    """A database that lives as long as the session, apart from the one that tests roll back."""
    with django_db_blocker.unblock(), product.own_database() as name:
        yield name


@pytest.fixture(scope="session")
def facility(
    site_database: str, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> build.Facility:
    """Something for every page to show, made once."""
    with django_db_blocker.unblock(), product.using(site_database):
        return build.build(tmp_path_factory.mktemp("facility"))


@pytest.fixture(scope="session")
def site(
    site_database: str, facility: build.Facility, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[product.Site]:
    """The product, serving that facility."""
    log: Path = tmp_path_factory.mktemp("site") / "uvicorn.log"
    with product.served(site_database, log) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium a module: Playwright's loop must not outlive the browser tests."""
    path = chromium.find()
    assert path is not None
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    # Playwright runs its loop in this very thread; the ORM calls of these tests are plain ones.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    else:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture(scope="module")
def visitor(browser: Browser, site: product.Site, django_db_blocker: Any) -> Iterator[Visitor]:
    """Opens pages as anybody, in either language and look."""
    with django_db_blocker.unblock():
        made = Visitor(browser, site)
        yield made
        made.close()
