"""The page of a tool's commands: its driver's table and its recipe's fields."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from testbed.tools import commands
from testbed.tools.models import Tool


@login_required
@require_safe
def tool_commands(request: HttpRequest, code: str) -> HttpResponse:
    """What can be set, read and recorded on one tool, within which limits."""
    found = get_object_or_404(Tool.objects.visible_to(request.user), code=code)
    context = {
        "tool": found,
        "recipe_rows": commands.recipe_rows(found.kind),
        "groups": commands.groups(found.kind),
    }
    return render(request, "tools/commands.html", context)
