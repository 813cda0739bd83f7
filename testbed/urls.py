"""Every address of the product."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("testbed.api.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("testbed.people.urls")),
    path("", include("testbed.tools.urls")),
    path("", include("testbed.booking.urls")),
    path("", include("testbed.waiting.urls")),
    path("", include("testbed.outages.urls")),
    path("", include("testbed.pools.urls")),
    path("", include("testbed.services.urls")),
    path("", include("testbed.notices.urls")),
    path("", include("testbed.material.urls")),
    path("", include("testbed.process.urls")),
    path("", include("testbed.runs.urls")),
    path("", include("testbed.results.urls")),
    path("", include("testbed.usage.urls")),
    path("", include("testbed.ops.urls")),
    path("", include("testbed.web.urls")),
]
handler400 = "testbed.web.views.bad_request"
handler403 = "testbed.web.views.forbidden"
handler404 = "testbed.web.views.not_found"
handler500 = "testbed.web.views.server_error"
