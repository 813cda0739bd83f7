"""Guessing passwords is slowed down."""

import secrets
from typing import Any

from django.test import Client

from testbed.people.models import User


def test_the_eleventh_wrong_password_of_a_minute_is_refused(alice: User, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "10/m/ip"}
    # An address of its own: the counts lie in a cache that all tests share.
    client = Client(REMOTE_ADDR=f"fd00::{secrets.token_hex(2)}:{secrets.token_hex(2)}")
    form = {"login": alice.email, "password": "wrong"}
    statuses = [client.post("/accounts/login/", form).status_code for _ in range(11)]
    assert statuses[:10] == [200] * 10
    assert statuses[10] == 429
