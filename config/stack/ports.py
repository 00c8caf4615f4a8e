"""Finds free ports and tells taken ones."""

import random
import socket

# Below the range from which systems take the ports of outgoing connections (32768 and up on
# Linux), so that a server that restarts finds its port still free.
_LOWEST, _HIGHEST = 20_000, 32_000
_ATTEMPTS_MAX = 200
LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Test whether a server could listen here."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # Two sockets with SO_REUSEADDR may share a port until one of them listens.
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(preferred: int = 0) -> int:
    """Return the preferred port if it is free, else any other.

    :raises RuntimeError: if there seems to be none
    """
    if preferred and is_free(preferred):
        return preferred
    for _ in range(_ATTEMPTS_MAX):
        port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - not a secret
        if is_free(port):
            return port
    message = f"no free port between {_LOWEST} and {_HIGHEST}"
    raise RuntimeError(message)
