"""Which addresses a merchant may have us connect to: public ones, by a list of our own.

Python's ``is_global`` is true of several that are not, such as 192.88.99.1 or 64:ff9b::7f00:1.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_DENIED_4 = [
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "255.255.255.255/32",
    )
]
_ALLOWED_6 = IPv6Network("2000::/3")
# Most lie outside of what is allowed; a list that can be compared with the rule is worth more.
_DENIED_6 = [
    IPv6Network(network)
    for network in (
        *("::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
        *("100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16"),
        *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
]
DENIED = tuple(str(network) for network in (*_DENIED_4, *_DENIED_6))


def is_public(text: str) -> bool:
    """Tell whether an address, as a resolver gave it, may be connected to."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _DENIED_4)
    return _is_public_6(address)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in _ALLOWED_6:
        return False
    return not any(address in network for network in _DENIED_6)


def is_same(one: str, other: str) -> bool:
    """Tell whether two texts are the same address."""
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Tell whether a host is an address already; brackets have been taken off."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
