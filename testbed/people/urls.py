"""Addresses of the administrator's pages about companies and their members."""

from django.urls import URLPattern, URLResolver, path

from testbed.people import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("people/companies/", views.companies, name="companies"),
    path("people/companies/<slug:business_number>/", views.company, name="company"),
    path(
        "people/companies/<slug:business_number>/suspend/",
        views.suspend_company,
        name="suspend_company",
    ),
    path(
        "people/companies/<slug:business_number>/lift/",
        views.lift_suspension,
        name="lift_company_suspension",
    ),
    path(
        "people/companies/<slug:business_number>/credit-limit/",
        views.limit_company,
        name="limit_company",
    ),
    path("people/members/<int:pk>/deactivate/", views.deactivate_member, name="deactivate_member"),
    path("people/members/<int:pk>/activate/", views.activate_member, name="activate_member"),
]
