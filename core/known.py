"""What merchants and keys may be given, told by the rooms above that know it."""

from collections.abc import Callable, Iterable

# Each returns names; core knows no gateway itself.
gateways: list[Callable[[], Iterable[str]]] = []
# What a key may be allowed to do, and what that is in words.
scopes: dict[str, str] = {}


def gateway_names() -> list[str]:
    """Return the names of all gateways that a merchant's payments may go through."""
    return sorted({name for names in gateways for name in names()})
