from django.urls import path

from testbed.process import operation_views, views

urlpatterns = [
    path("recipes/", views.recipes, name="recipes"),
    path(
        "routes/<slug:code>/<int:position>/rules/",
        operation_views.rules,
        name="operation_rules",
    ),
    path("recipes/new/", views.new_recipe, name="new_recipe"),
    path("recipes/<slug:code>/", views.recipe, name="recipe"),
    path("recipes/<slug:code>/versions/new/", views.new_version, name="new_recipe_version"),
    path(
        "recipes/<slug:code>/versions/<int:number>/<slug:verb>/",
        views.move_version,
        name="move_recipe_version",
    ),
]
