"""What the request log must not know."""

import pytest
from django.test import RequestFactory
from ipware import get_client_ip
from structlog.contextvars import bound_contextvars, get_contextvars

from testbed.web.request_log import RequestLog


def test_a_calendars_secret_stays_out_of_the_log() -> None:
    request = RequestFactory().get("/calendar/tbc_s3cret-Token.ics?lang=ko")
    assert RequestLog.format_request(request) == "GET /calendar/….ics?lang=ko"


def test_other_addresses_are_logged_as_they_are() -> None:
    request = RequestFactory().get("/runs/1/?page=2")
    assert RequestLog.format_request(request) == "GET /runs/1/?page=2"


@pytest.mark.parametrize(
    "said",
    [{}, {"HTTP_X_FORWARDED_FOR": "1.2.3.4"}, {"HTTP_X_REAL_IP": "1.2.3.4"}, {"REMOTE_ADDR": ""}],
)
def test_the_address_is_the_one_that_weighing_all_headers_gives(said: dict[str, str]) -> None:
    request = RequestFactory().get("/", **said)
    with bound_contextvars():
        RequestLog.bind_ip(request)
        assert get_contextvars()["ip"] == get_client_ip(request)[0]
