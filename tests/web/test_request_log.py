"""What the request log must not know."""

from django.test import RequestFactory

from testbed.web.request_log import RequestLog


def test_a_calendars_secret_stays_out_of_the_log() -> None:
    request = RequestFactory().get("/calendar/tbc_s3cret-Token.ics?lang=ko")
    assert RequestLog.format_request(request) == "GET /calendar/….ics?lang=ko"


def test_other_addresses_are_logged_as_they_are() -> None:
    request = RequestFactory().get("/runs/1/?page=2")
    assert RequestLog.format_request(request) == "GET /runs/1/?page=2"
