"""One connection for one request: to an address that was checked, bounded in time and in size.

Made of the standard library's sockets alone, because it must not know redirects, proxies,
cookies, passwords of the machine, decompression or connections that outlive their answer.
"""

import io
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any

from webhooks.addresses import is_same

CONNECT_SECONDS = 5.0


class WrongPeer(OSError):
    """The connection does not end where it was meant to."""


class Wire:
    """A connection whose every wait ends at a moment of the monotonic clock.

    What it has read beyond ``bytes_max`` looks as if the other side had ended there.
    """

    def __init__(self, line: socket.socket, until: float, bytes_max: int) -> None:
        self._line, self._until, self._left = line, until, bytes_max

    def sendall(self, content: bytes) -> None:
        """Send everything.

        :raises OSError: if the other side does not take it in time
        """
        view = memoryview(content)
        while view:
            self._line.settimeout(remaining(self._until))
            view = view[self._line.send(view) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what an ``HTTPResponse`` reads from."""
        return io.BufferedReader(_Reading(self))

    def receive_into(self, buffer: Any) -> int:
        """Read what is there; 0 is the end.

        :raises OSError: if nothing comes in time
        """
        room = memoryview(buffer)[: self._left]
        if not room:
            return 0
        self._line.settimeout(remaining(self._until))
        count = self._line.recv_into(room)
        self._left -= count
        return count

    @property
    def is_cut(self) -> bool:
        """Tell whether the other side said more than is read."""
        return not self._left

    def close(self) -> None:
        """End the connection."""
        self._line.close()


class _Reading(io.RawIOBase):
    """A wire as the standard library reads files."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.receive_into(buffer)


def remaining(until: float) -> float:
    """Return the seconds until then.

    :raises TimeoutError: if there are none
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def connect(
    addresses: Sequence[str], port: int, host: str, tls: ssl.SSLContext | None, until: float
) -> socket.socket:
    """Connect to the first of these addresses that answers; with TLS, as ``host``.

    None may use up the time of those after it.

    :raises OSError: if none does in time, or its certificate is not that of the host
    """
    give_up = min(until, time.monotonic() + CONNECT_SECONDS)
    line = _first(addresses, port, give_up)
    if tls is None:
        return line
    try:
        line.settimeout(remaining(until))
        return tls.wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise


def _first(addresses: Sequence[str], port: int, give_up: float) -> socket.socket:
    trouble: OSError = TimeoutError()
    for place, address in enumerate(addresses):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.settimeout(remaining(give_up) / (len(addresses) - place))
            line.connect((address, port))
            _check_peer(line, address)
        except OSError as error:
            line.close()
            trouble = error
        else:
            return line
    raise trouble


def _check_peer(line: socket.socket, address: str) -> None:
    peer = str(line.getpeername()[0])
    if not is_same(peer, address):
        raise WrongPeer(peer)
