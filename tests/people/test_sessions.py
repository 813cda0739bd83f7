"""Who is behind a session, read by statements that are compiled once."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client, RequestFactory

    from testbed.people.models import User

    SignIn = Callable[[User], Client]


def asking(rf: RequestFactory, key: str | None) -> Any:
    """A request with this session."""
    request: Any = rf.get("/")
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return request


def test_the_person_comes_with_their_company(
    alice: User, sign_in: SignIn, rf: RequestFactory
) -> None:
    request = asking(rf, sign_in(alice).session.session_key)
    with CaptureQueriesContext(connection) as captured:
        found: Any = get_user(request)
        assert (found, found.company) == (alice, alice.company)
    assert len(captured) == 2


def test_who_may_not_sign_in_any_more_is_nobody(
    alice: User, sign_in: SignIn, rf: RequestFactory
) -> None:
    key = sign_in(alice).session.session_key
    type(alice).objects.filter(pk=alice.pk).update(is_active=False)
    assert not get_user(asking(rf, key)).is_authenticated


def test_a_session_that_is_over_is_none(alice: User, sign_in: SignIn, rf: RequestFactory) -> None:
    key = sign_in(alice).session.session_key
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not get_user(asking(rf, key)).is_authenticated


@pytest.mark.django_db
@pytest.mark.parametrize("key", [None, "none-of-ours", "nul\x00nul\x00", "'; --'; --"])
def test_a_cookie_may_say_anything(key: str | None, rf: RequestFactory) -> None:
    assert not get_user(asking(rf, key)).is_authenticated
