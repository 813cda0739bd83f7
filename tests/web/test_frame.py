"""The frame of every page: language, look, menu by role, lamp, mark of simulation, errors."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve, reverse

from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools import states
from testbed.tools.models import E10State, Tool
from testbed.web.refusals import RefusalMiddleware
from testbed.web.sections import SECTIONS, section
from testbed.web.views import server_error

SignIn = Callable[[User], Client]


def text(response: Any) -> str:
    return str(response.content.decode())


def test_korean_first_and_english_on_request(client: Client, db: None) -> None:
    assert 'lang="ko"' in text(client.get("/"))
    assert "300 mm 반도체 테스트베드" in text(client.get("/"))
    client.post("/i18n/setlang/", {"language": "en", "next": "/"})
    assert "300 mm semiconductor testbed" in text(client.get("/"))


def test_the_language_form_comes_back_to_this_address(
    sign_in: SignIn, alice: User, scanner: Tool
) -> None:
    page = text(sign_in(alice).get("/tools/?area=litho"))
    assert '<input type="hidden" name="next" value="/tools/?area=litho">' in page


def test_a_section_offers_its_pages_to_those_who_may_see_them(
    sign_in: SignIn, alice: User, administrator: User
) -> None:
    page = text(sign_in(alice).get("/pools/"))
    assert '<a href="/pools/" aria-current="page">' in page
    assert 'href="/waiting/"' in page
    assert 'href="/people/companies/"' not in page
    desk = text(sign_in(administrator).get("/approvals/"))
    assert 'href="/people/companies/"' in desk
    assert "section-nav" not in text(sign_in(alice).get("/glossary/"))


@pytest.mark.parametrize(
    ("role", "path", "present"),
    [
        ("alice", "/bundles/7/", "/bookings/"),
        ("alice", "/rebookings/7/", "/bookings/"),
        ("alice", "/services/orders/", "/services/"),
        ("administrator", "/services/orders/", "/services/orders/"),
        ("alice", "/glossary/", None),
    ],
)
def test_a_page_stands_in_the_section_that_knows_it_best(
    role: str, path: str, present: str | None, request: pytest.FixtureRequest
) -> None:
    asked = RequestFactory().get(path)
    asked.user = request.getfixturevalue(role)
    shown = [part["url"] for part in section(asked) if part["here"]]
    assert shown == ([present] if present else [])


def test_every_page_of_a_section_is_there() -> None:
    for part in (part for parts in SECTIONS for part in parts):
        resolve(part.path)


@pytest.mark.parametrize(("chosen", "shown"), [("dark", "dark"), ("light", "light"), ("x", "auto")])
def test_the_look_is_a_cookie_that_the_server_writes(
    client: Client, db: None, chosen: str, shown: str
) -> None:
    client.post("/theme/", {"theme": chosen, "next": "/status/"})
    assert f'data-theme="{shown}"' in text(client.get("/status/"))


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/glossary/?q=dose", "/glossary/?q=dose"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("", "/"),
    ],
)
def test_the_look_leads_back_to_our_own_pages_alone(
    client: Client, db: None, wanted: str, target: str
) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": wanted})["Location"] == target


def menu_of(client: Client) -> list[str]:
    return [entry["url"] for entry in client.get("/status/").context["menu"]]


def test_the_menu_holds_what_the_role_can_use(
    sign_in: SignIn, alice: User, technician: User, administrator: User, client: Client
) -> None:
    assert menu_of(client) == ["/"]
    assert {"/book/", "/usage/"} <= set(menu_of(sign_in(alice)))
    assert "/approvals/" not in menu_of(sign_in(alice))
    assert "/book/" not in menu_of(sign_in(technician))
    assert {"/approvals/", "/ops/"} <= set(menu_of(sign_in(administrator)))


def test_every_menu_entry_opens(
    sign_in: SignIn,
    alice: User,
    bob: User,
    technician: User,
    process_engineer: User,
    administrator: User,
    auditor: User,
    scanner: Tool,
) -> None:
    for user in (alice, bob, technician, process_engineer, administrator, auditor):
        client = sign_in(user)
        answers = {url: client.get(url).status_code for url in menu_of(client)}
        assert set(answers.values()) == {200}, (user.email, answers)


def test_the_lamp_counts_tools_that_are_up(
    sign_in: SignIn, alice: User, scanner: Tool, track: Tool
) -> None:
    client = sign_in(alice)
    assert "전 장비 정상 2/2" in text(client.get("/status/"))
    states.enter(tool=track, state=E10State.UNSCHEDULED_DOWN)
    page = text(client.get("/status/"))
    assert "가동 1/2" in page
    assert "badge--bad" in page


def test_a_visitor_sees_no_lamp(client: Client, scanner: Tool) -> None:
    assert "lamp-link" not in text(client.get("/status/"))


@pytest.mark.parametrize(
    ("scale", "said"),
    [(1.0, "실제 시계대로"), (20.0, "20배"), (2.5, "2.5배")],
)
def test_the_status_says_how_fast_simulated_tools_run(
    client: Client, db: None, settings: Any, scale: float, said: str
) -> None:
    settings.SIMULATED_FAB_CONTROL, settings.FAB_CLOCK_SCALE = "127.0.0.1:1", scale
    assert said in text(client.get("/status/"))


def test_simulated_tools_are_marked(client: Client, db: None, settings: Any) -> None:
    settings.SIMULATED_FAB_CONTROL = "127.0.0.1:1"
    assert "모의 데이터" in text(client.get("/"))
    settings.SIMULATED_FAB_CONTROL = ""
    assert "모의 데이터" not in text(client.get("/"))


def test_htmx_is_configured_without_eval_or_styles(client: Client, db: None) -> None:
    page = text(client.get("/"))
    for setting in (
        '"includeIndicatorStyles":false',
        '"allowEval":false',
        '"allowScriptTags":false',
        '"selfRequestsOnly":true',
        '"historyCacheSize":0',
    ):
        assert setting in page


def test_no_page_of_ours_carries_inline_script_or_style(client: Client, db: None) -> None:
    for name in ("home", "glossary", "status", "account_login"):
        page = text(client.get(reverse(name)))
        assert " style=" not in page
        assert "<style" not in page
        assert "onclick" not in page
        assert page.count("<script") == page.count("<script src=")


def test_an_unknown_address_is_said_in_words(client: Client, db: None) -> None:
    response = client.get("/no/such/page/")
    assert response.status_code == 404
    assert "볼 수 있는 것이 없습니다" in text(response)


def test_a_form_without_its_token_is_said_in_words(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/theme/", {"theme": "dark"})
    assert response.status_code == 403
    assert "양식이 오래되었습니다" in text(response)


def test_the_error_page_needs_neither_database_nor_session() -> None:
    response = server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert "저희 쪽에 문제가 생겼습니다" in text(response)


def refuse(request: HttpRequest) -> HttpResponse:
    raise Refusal("tool_taken", "The tool is taken.", next_step="Take another slot.")


def test_a_refusal_becomes_a_page_with_its_next_step(client: Client, db: None) -> None:
    request = client.get("/").wsgi_request
    request.META["HTTP_REFERER"] = "http://testserver/book/?tool=x"
    try:
        refuse(request)
    except Refusal as refusal:
        response = RefusalMiddleware(refuse).process_exception(request, refusal)
    assert response is not None
    assert response.status_code == 409
    page = text(response)
    assert "The tool is taken." in page
    assert "Take another slot." in page
    assert 'href="/book/?tool=x"' in page


def test_a_refusal_never_leads_to_another_site(client: Client, db: None) -> None:
    request = client.get("/").wsgi_request
    request.META["HTTP_REFERER"] = "https://elsewhere.example/"
    response = RefusalMiddleware(refuse).process_exception(request, Refusal("no", "No."))
    assert response is not None
    assert "elsewhere" not in text(response)


def test_another_exception_is_not_swallowed(client: Client, db: None) -> None:
    request = client.get("/").wsgi_request
    assert RefusalMiddleware(refuse).process_exception(request, ValueError()) is None
