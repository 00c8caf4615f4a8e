"""How our processes are started: the same words under `make up` and in a container."""

import os
import sys

PYTHON = sys.executable


def web(host: str, port: int) -> list[str]:
    """Return the command of a server on this address."""
    options = {
        "--interface": "wsgi",
        "--host": host,
        "--port": str(port),
        "--workers": os.environ.get("WEB_WORKERS") or "2",
        # A request never waits for a provider, so more threads only share the interpreter's lock.
        "--blocking-threads": os.environ.get("WEB_THREADS") or "2",
        "--workers-kill-timeout": "4s",
        "--log-level": "warning",
    }
    command = [PYTHON, "-m", "granian", *(part for pair in options.items() for part in pair)]
    return [*command, "--respawn-failed-workers", "--no-ws", "config.wsgi:application"]


def dispatcher() -> list[str]:
    """Return the command of a dispatcher."""
    return [PYTHON, "manage.py", "dispatch"]


def worker() -> list[str]:
    """Return the command of a worker."""
    slots = os.environ.get("WORKER_SLOTS") or "4"
    command = [PYTHON, "-m", "celery", "-A", "config", "worker", "-l", "info"]
    # Workers that look for each other first start a second later and gain nothing here.
    return [*command, "--concurrency", slots, "--without-mingle", "--without-gossip"]
