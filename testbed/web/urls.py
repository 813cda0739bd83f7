from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from testbed.web import board, glossary, home, status, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("board/", board.board, name="board"),
    path("board/tiles/", board.tiles, name="board_tiles"),
    path("glossary/", glossary.page, name="glossary"),
    path("status/", status.page, name="status"),
    path("theme/", views.theme, name="theme"),
    path(
        "favicon.ico",
        RedirectView.as_view(url="/static/web/icon.svg", permanent=True),
        name="favicon",
    ),
]
