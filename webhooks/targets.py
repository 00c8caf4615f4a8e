"""Where a webhook may be sent: what an endpoint's URL may be, at save and before every send.

One grammar, narrower than any that other readers of URLs have, so that no two of them can
disagree about the host. What is not certainly allowed is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import idna
from django.conf import settings

from core.models import Mode
from webhooks.addresses import is_address, is_public
from webhooks.receivers import URL_LENGTH_MAX
from webhooks.resolving import CannotResolve, Resolver

PORTS = frozenset({443, 8443})
HOST_LENGTH_MAX = 253
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LOCAL_ENDINGS = (".local", ".internal", ".localhost", ".onion", ".arpa", ".corp")
# No user, no fragment, and nothing outside of printable ASCII or that a reader may take for
# another sign.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:\[(?P<literal>[0-9a-f:.]+)\]|(?P<host>[a-z0-9.-]+))(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[!$&-;=?-Z_a-z~%\[\]]*)?(?P<query>\?[!$&-;=?-Z_a-z~%\[\]]*)?"
)
_PORT_MAX = 65_535


class Forbidden(Exception):
    """A URL may not be sent to; says which rule, in words that tell nothing of any network."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was read: nothing is known of its addresses yet."""

    scheme: str
    host: str
    port: int
    path: str
    is_trusted: bool  # named in WEBHOOK_TEST_HOSTS, and this is test mode

    @property
    def authority(self) -> str:
        """Return the value of ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == {"https": 443, "http": 80}[self.scheme]
        return host if is_usual else f"{host}:{self.port}"


def read(url: str, mode: str) -> Target:
    """Return where a URL leads.

    :raises Forbidden: if it may not be an endpoint of this mode
    """
    if len(url) > URL_LENGTH_MAX:
        raise Forbidden("It is too long.")
    scheme, rest = _lowered(url)
    found = _URL.fullmatch(scheme + rest)
    if found is None:
        raise Forbidden(
            "It must be https://host/path in plain ASCII, without user, password or fragment."
        )
    host = found["literal"] or found["host"]
    port = int(found["port"] or {"https": 443, "http": 80}[found["scheme"]])
    if port > _PORT_MAX:
        raise Forbidden("Its port is no port.")
    path = (found["path"] or "/") + (found["query"] or "")
    named = f"[{host}]:{port}" if found["literal"] else f"{host}:{port}"
    is_trusted = mode == Mode.TEST and named in settings.WEBHOOK_TEST_HOSTS
    if not is_trusted:
        _check(found["scheme"], host, port, mode, is_literal=found["literal"] is not None)
    return Target(found["scheme"], host, port, path, is_trusted)


def _lowered(url: str) -> tuple[str, str]:
    """Write scheme and host small; the rest is as it was."""
    head, slashes, rest = url.partition("://")
    end = next((at for at, sign in enumerate(rest) if sign in "/?#"), len(rest))
    return head.lower() + slashes, rest[:end].lower() + rest[end:]


def _check(scheme: str, host: str, port: int, mode: str, *, is_literal: bool) -> None:
    if scheme != "https":
        raise Forbidden("It must begin with https://.")
    if port not in PORTS:
        raise Forbidden("Its port must be 443 or 8443.")
    if is_literal or is_address(host):
        if mode != Mode.TEST:
            raise Forbidden("Its host must be a name, not an address.")
        if not is_public(host):
            raise Forbidden("Its host is not a public one.")
        return
    _check_name(host)


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > HOST_LENGTH_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise Forbidden("Its host is not a name.")
    # 0177.0.0.1, 0x7f.1, 2130706433: what ends in a number, some take for an address.
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        raise Forbidden("Its host is not a name.")
    is_ours = any(_is_within(host, ours) for ours in settings.ALLOWED_HOSTS)
    if len(labels) == 1 or host.endswith(_LOCAL_ENDINGS) or is_ours:
        raise Forbidden("Its host is not a public one.")
    for label in labels:
        if label[2:4] == "--" and not _is_international(label):
            raise Forbidden("Its host is not a name.")


def _is_within(host: str, ours: str) -> bool:
    # As ALLOWED_HOSTS means it: a leading dot covers everything below.
    return host == ours.lstrip(".").lower() or (ours.startswith(".") and host.endswith(ours))


def _is_international(label: str) -> bool:
    try:
        return label.startswith("xn--") and idna.alabel(idna.ulabel(label)).decode() == label
    except (idna.IDNAError, UnicodeError):
        return False


def addresses(target: Target, resolve: Resolver, seconds: float) -> Sequence[str]:
    """Return the addresses of a target, each of which may be connected to.

    :raises Forbidden: if any of them may not
    :raises CannotResolve: if there is none, or nobody says so in time
    """
    found = [target.host] if is_address(target.host) else resolve(target.host, seconds)
    if not found:
        raise CannotResolve(target.host)
    if not target.is_trusted and not all(is_public(address) for address in found):
        raise Forbidden("Its host is not a public one.")
    return found
