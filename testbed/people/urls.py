"""Addresses of the administrator's pages about companies and their members."""

from django.urls import URLPattern, URLResolver, path

from testbed.people import group_views, views

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
    path("groups/", group_views.groups, name="groups"),
    path("groups/<slug:code>/", group_views.group, name="group"),
    path("groups/<slug:code>/take-in/", group_views.take_into_group, name="take_into_group"),
    path("groups/<slug:code>/take-out/", group_views.take_out_of_group, name="take_out_of_group"),
    path("people/members/<int:pk>/deactivate/", views.deactivate_member, name="deactivate_member"),
    path("people/members/<int:pk>/activate/", views.activate_member, name="activate_member"),
]
