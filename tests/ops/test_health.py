"""What a load balancer is told."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.test import Client
from redis.exceptions import ConnectionError as NoValkey


@pytest.fixture
def visitor() -> Client:
    return Client()


def test_livez_asks_nobody(visitor: Client) -> None:
    answer = visitor.get("/livez")

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_readyz_is_ready_when_every_part_is(visitor: Client) -> None:
    answer = visitor.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["parts"] == {"database": "ok", "migrations": "ok", "valkey": "ok"}


@pytest.mark.django_db
def test_readyz_names_a_lost_valkey_without_its_address(visitor: Client) -> None:
    with patch("django.core.cache.cache.get", side_effect=NoValkey("127.0.0.1:6379 refused")):
        answer = visitor.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["parts"]["valkey"] == "unavailable"
    assert b"6379" not in answer.content


@pytest.mark.django_db
def test_readyz_names_a_lost_database_without_its_words(visitor: Client) -> None:
    lost = OperationalError("connection to server at 10.0.0.5 failed")
    with patch.object(connection, "cursor", side_effect=lost):
        answer = visitor.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["parts"]["database"] == "unavailable"
    assert b"10.0.0.5" not in answer.content


@pytest.mark.django_db
def test_readyz_is_not_ready_before_the_last_migration(visitor: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'booking'")

    assert visitor.get("/readyz").json()["parts"]["migrations"] == "unavailable"
