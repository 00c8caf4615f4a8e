"""Refuses to start with a gateway entry that could only fail at the first payment."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from gateways import registry

# The name stands in URLs, in metrics and in rows.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MEMBERS = {"class", "options"}


def check_gateways(**_: Any) -> list[CheckMessage]:
    """Report every entry of ``settings.GATEWAYS`` that gives no gateway."""
    found = ((name, _fault(name, entry)) for name, entry in settings.GATEWAYS.items())
    return [
        Error(f"GATEWAYS[{name!r}] {fault}", id="gateways.E001") for name, fault in found if fault
    ]


def _fault(name: str, entry: Any) -> str:
    if not _NAME.fullmatch(name):
        return "needs a name of lower-case letters, digits and _, at most 32"
    if not isinstance(entry, dict) or "class" not in entry or not entry.keys() <= _MEMBERS:
        return "must have 'class' and may have 'options', nothing else"
    try:
        registry.build(entry)
    except (ImportError, TypeError, ValueError) as error:
        return registry.conceal(name, f"cannot be built: {error}")
    return ""
