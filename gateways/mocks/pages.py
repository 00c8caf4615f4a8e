"""The page where a person plays the payer of a mock: approve, or refuse.

It reads and writes the mocks' own file and nothing else, so no other gateway has such a page. There
is no money to protect from a forged click, and so no token against one.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from core.addresses import see_other, with_query
from core.errors import Problem
from gateways import registry
from gateways.mocks.actions import Asked
from gateways.mocks.provider import MockProvider

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mock provider</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 30rem; }}</style>
</head><body><h1>Mock provider</h1>{body}</body></html>
"""
_QUESTION = (
    "<p>Do you approve the payment of {amount} {currency} (minor units)? No money moves.</p>"
    '<form method="post"><button name="deed" value="approve">Approve</button> '
    '<button name="deed" value="refuse">Refuse</button></form>'
)
_ANSWERED = (
    "<p>The payment of {amount} {currency} (minor units) has {status}."
    " You may close this window.</p>"
)
_DEEDS = {"approve": True, "refuse": False}


def are_wanted(gateways: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether one of the gateways that are configured is a mock."""
    return any(issubclass(import_string(one["class"]), MockProvider) for one in gateways.values())


@csrf_exempt
@never_cache
def action(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Ask the payer, or do what they say and send them back.

    :raises Problem: ``not-found``, ``method-not-allowed`` or ``validation-error``
    """
    if request.method not in {"GET", "HEAD", "POST"}:
        raise Problem("method-not-allowed", headers={"Allow": "GET, HEAD, POST"})
    mock, asked = _find(provider_id)
    if request.method != "POST":
        return _page(asked)
    approves = _DEEDS.get(request.POST.get("deed", ""))
    if approves is None:
        raise Problem("validation-error", "The deed is approve or refuse.")
    mock.act(provider_id, approves=approves)
    if asked.return_url:
        return see_other(with_query(asked.return_url, charge=provider_id))
    return _page(mock.asked(provider_id) or asked)


def _find(provider_id: str) -> tuple[MockProvider, Asked]:
    for name in registry.names():
        gateway = registry.get(name)
        if isinstance(gateway, MockProvider) and (asked := gateway.asked(provider_id)):
            return gateway, asked
    raise Problem("not-found")


def _page(asked: Asked) -> HttpResponse:
    form = _QUESTION if asked.is_open else _ANSWERED
    body = format_html(form, amount=asked.amount, currency=asked.currency, status=str(asked.status))
    return HttpResponse(format_html(_PAGE, body=body))
