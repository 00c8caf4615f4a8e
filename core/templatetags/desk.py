"""The front page's table, for its template."""

from typing import Any

from django import template
from django.http import HttpRequest

from core.desk.board import lines_for

register = template.Library()


@register.inclusion_tag("desk/board.html")
def board(request: HttpRequest) -> dict[str, Any]:
    """Show how things stand."""
    lines = lines_for(request)
    return {"lines": lines, "is_calm": not any(line.calls for line in lines)}
