"""Addresses of the notices pages."""

from django.urls import URLPattern, URLResolver, path

from testbed.notices import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/inbox/", views.inbox, name="inbox"),
    path("me/inbox/unread/", views.unread_count, name="unread"),
    path("me/notices/", views.notice_preferences, name="notice_preferences"),
    path("ops/mail/", views.mail, name="mail"),
]
