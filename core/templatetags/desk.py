"""The front page's table, for its template."""

from typing import Any

from django import template
from django.http import HttpRequest

from core.audit import AuditEntry
from core.desk.board import lines_for
from core.desk.words import moment, to

RECENT = 10

register = template.Library()


@register.inclusion_tag("desk/recent.html")
def recent_acts(request: HttpRequest) -> dict[str, Any]:
    """Show what people did last, to who may see it."""
    may = request.user.has_perm("core.view_auditentry")
    found = AuditEntry.objects.order_by("-id")[:RECENT] if may else []
    return {"may": may, "acts": [(to(one, one.action), one, moment(one.at)) for one in found]}


@register.inclusion_tag("desk/board.html")
def board(request: HttpRequest) -> dict[str, Any]:
    """Show how things stand."""
    lines = lines_for(request)
    return {"lines": lines, "is_calm": not any(line.calls for line in lines)}
