"""Web addresses that somebody else wrote: which are taken, and how a browser is sent to one."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from django.http import HttpResponse

ADDRESS_LENGTH = 2048


def is_web_address(text: str) -> bool:
    """Tell whether this is an absolute http or https address without credentials."""
    if not text.isascii() or not text.isprintable() or any(char in text for char in ' \\"<>^`{|}'):
        return False
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and parts.port != 0
        )
    except ValueError:
        return False


def with_query(address: str, **added: str) -> str:
    """Return the address with more in its query; what was there stays as it is."""
    parts, more = urlsplit(address), urlencode(added)
    return urlunsplit(parts._replace(query=f"{parts.query}&{more}" if parts.query else more))


def host_of(address: str) -> str:
    """Return whom an address belongs to, for those who need not know the rest of it."""
    return urlsplit(address).netloc


def see_other(address: str) -> HttpResponse:
    """Return the answer that has a browser get another address.

    :raises ValueError: if it is no web address
    """
    if not is_web_address(address):
        message = "a browser is sent to web addresses only"
        raise ValueError(message)
    return HttpResponse(status=303, headers={"Location": address})
