"""What a forked child becomes: web, dispatcher, worker, simulator, or somebody who verifies."""

import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

from celery.bin import worker as _worker_command
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.urls import get_resolver

from config import environment, verifying
from config.celery import app
from config.management.commands import dispatch, migrate
from config.wsgi import application
from core.db import OPERATOR, acting_as
from core.management.commands import seed_demo
from dispatcher import housekeeping, rolling, tasks
from simulator import __main__ as simulator
from simulator.options import Options
from tests.kills.ground import CONTROL_TOKEN

# Imported here so that no child has to; a fork costs milliseconds and an import a second.
PRELOADED = (_worker_command, dispatch, migrate, seed_demo, tasks, get_resolver().url_patterns)
WEB_THREADS = 2
VERIFY_TIMEOUT = timedelta(seconds=20)
OPERATOR_PASSWORD = "a password of the kill matrix"
Given = Mapping[str, Any]


class _Server(WSGIServer):
    request_queue_size = 64

    def server_bind(self) -> None:
        """Bind without asking anybody what this machine is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.socket.settimeout(0)  # whoever of the threads is second goes on waiting
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    def address_string(self) -> str:
        """Return who asks."""
        return str(self.client_address[0])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's
        """Say nothing: the project logs its requests."""


def web(given: Given) -> None:
    """Serve the project's WSGI application."""
    ServerHandler.os_environ = {}
    server = _Server(("127.0.0.1", settings.PORT), _Handler)
    server.set_app(application)
    threads = [threading.Thread(target=server.serve_forever) for _ in range(WEB_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def dispatcher(given: Given) -> None:
    """Dispatch, and look for what is due rarely as often as a short story needs."""
    housekeeping.RECHECK_SCAN_SECONDS = given.get("recheck_scan_seconds", 60.0)
    housekeeping.PRUNE_EVERY_SECONDS = given.get("prune_every_seconds", 60.0)
    rolling.EVERY_SECONDS = given.get("rollup_every_seconds", rolling.EVERY_SECONDS)
    call_command("dispatch")


def worker(given: Given) -> None:
    """Work, with a pool of processes as always."""
    slots = str(settings.WORKER_SLOTS)
    quiet = ["--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "info"]
    name = ["-n", f"{given['name']}@%h"]
    app.worker_main(["worker", "--concurrency", slots, *quiet, *name])


def provider(given: Given) -> None:
    """Be the provider."""
    simulator.run(
        Options(
            database=Path(given["database"]),
            port=given["port"],
            api_key=os.environ["SIMULATOR_API_KEY"],
            control_token=CONTROL_TOKEN,
            webhook_url=os.environ["SIMULATOR_WEBHOOK_URL"],
            webhook_secret=os.environ["SIMULATOR_WEBHOOK_SECRET"],
            key_lifetime_seconds=None if given.get("keyless") else 86_400.0,
            slow_seconds=given["slow_seconds"],
        )
    )


def verify(given: Given) -> None:
    """Ask all invariants as the owner does, and write down which do not hold."""
    _be_owner()
    findings = [verifying.ask(one, VERIFY_TIMEOUT) for one in verifying.invariants(quiescent=True)]
    bad = [
        f"{one.invariant.name}: {one.trouble or one.invariant.claim} {one.examples}"
        for one in findings
        if one.is_bad
    ]
    Path(given["into"]).write_text(json.dumps({"asked": len(findings), "bad": bad}))


def seed(given: Given) -> None:
    """Make the demo merchant and somebody at the desk; write down their cookies."""
    _be_owner()
    os.environ["DEMO_OPERATOR_PASSWORD"] = OPERATOR_PASSWORD
    with redirect_stdout(StringIO()):
        call_command("seed_demo", "--in-production")
    client = Client(SERVER_NAME="127.0.0.1")
    client.get("/admin/login/")
    form = {"username": seed_demo.DEMO_OPERATOR, "password": OPERATOR_PASSWORD}
    client.post("/admin/login/", form)
    with acting_as(OPERATOR):
        assert client.session[SESSION_KEY]
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    Path(given["into"]).write_text(json.dumps(cookies))
    connections.close_all()


def _be_owner() -> None:
    owner = environment.database(settings.DATABASE_OWNER_URL)
    for alias in connections.settings:
        connections.settings[alias].update(owner)


def _have_patience(seconds: int) -> None:
    """Have the server end nobody's transaction who froze in it for so long."""
    limit = f"-c idle_in_transaction_session_timeout={seconds}s"
    for alias in connections.settings:
        connections.settings[alias].setdefault("OPTIONS", {})["options"] = limit


ROLES: dict[str, Callable[[Given], None]] = {
    "web": web,
    "dispatcher": dispatcher,
    "worker": worker,
    "simulator": provider,
    "verify": verify,
    "seed": seed,
}


def become(given: Given) -> None:
    """Be what was asked for, until the end."""
    options = settings.GATEWAYS["simulator"]["options"]
    options["keys"] = not given.get("keyless")
    for name, seconds in given.get("seconds", {}).items():
        setattr(settings, name, timedelta(seconds=seconds))
    if seconds := given.get("idle_seconds"):
        _have_patience(seconds)
    with suppress(SystemExit):
        ROLES[given["role"]](given)
