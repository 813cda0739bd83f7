"""Addresses of the booking pages."""

from django.urls import URLPattern, URLResolver, path

from testbed.booking import (
    approval_views,
    calendar_views,
    change_views,
    give_back_views,
    hand_over_views,
    news_views,
    question_views,
    route_views,
    rule_setting_views,
    rule_views,
    timeline_views,
    together_views,
    views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("book/", views.book, name="book"),
    path("book/hold/", views.hold_slot, name="hold_slot"),
    path("book/hold/<int:pk>/", views.held, name="hold"),
    path("book/timeline/", timeline_views.timeline_page, name="timeline"),
    path("book/timeline/ask/", timeline_views.timeline_ask, name="timeline_ask"),
    path("book/timeline/news/", news_views.timeline_news, name="timeline_news"),
    path("book/route/", route_views.book_route, name="book_route"),
    path("book/route/hold/", route_views.hold_route, name="hold_route"),
    path("bundles/<int:pk>/", route_views.bundle, name="bundle"),
    path("bundles/<int:pk>/cancel/", route_views.cancel_bundle, name="cancel_bundle"),
    path("bookings/", views.bookings, name="bookings"),
    path("bookings/<int:pk>/", views.booking, name="booking"),
    path("bookings/<int:pk>/change/", change_views.change_booking, name="change_booking"),
    path(
        "bookings/<int:pk>/hand-over/", hand_over_views.hand_over_booking, name="hand_over_booking"
    ),
    path("bookings/<int:pk>/cancel/", give_back_views.cancel_booking, name="cancel_booking"),
    path("bookings/<int:pk>/cancel-rest/", give_back_views.cancel_series, name="cancel_series"),
    path(
        "bookings/<int:pk>/reconfirm/", give_back_views.reconfirm_booking, name="reconfirm_booking"
    ),
    path("bookings/<int:pk>/arrive/", give_back_views.arrive_booking, name="arrive_booking"),
    path("bookings/<int:pk>/share/", together_views.share_booking, name="share_booking"),
    path("bookings/<int:pk>/unshare/", together_views.unshare_booking, name="unshare_booking"),
    path("bookings/<int:pk>/repeat/", together_views.repeat_booking, name="repeat_booking"),
    path("penalties/", give_back_views.penalties, name="penalties"),
    path("penalties/<int:pk>/waive/", give_back_views.waive_penalty, name="waive_penalty"),
    path("bookings/<int:pk>/finish/", views.finish_booking, name="finish_booking"),
    path("rules/", rule_views.rules, name="rules"),
    path("rules/<slug:code>/", rule_setting_views.rule_page, name="rule"),
    path("rules/<slug:code>/add/", rule_setting_views.add_setting, name="add_rule_setting"),
    path("rules/<slug:code>/<int:pk>/", rule_setting_views.setting_page, name="rule_setting"),
    path(
        "rules/<slug:code>/<int:pk>/end/", rule_setting_views.end_setting, name="end_rule_setting"
    ),
    path("holidays/", rule_views.add_holiday, name="add_holiday"),
    path("holidays/<int:pk>/remove/", rule_views.remove_holiday, name="remove_holiday"),
    path("me/calendars/", calendar_views.calendars, name="calendars"),
    path("calendar/<str:token>.ics", calendar_views.calendar_feed, name="calendar_feed"),
    path("approvals/", approval_views.approvals, name="approvals"),
    path("approvals/<int:pk>/approve/", approval_views.approve, name="approve_booking"),
    path("approvals/<int:pk>/refuse/", approval_views.refuse, name="refuse_booking"),
    path("approvals/<int:pk>/ask/", approval_views.ask_company, name="ask_booking"),
    path("questions/<int:pk>/answer/", question_views.answer_question, name="answer_question"),
]
