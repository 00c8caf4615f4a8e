"""The processes of the stack that are our own code."""

import os
import sys

from config.stack.processes import Program
from config.stack.settings import Plan

PYTHON = sys.executable
# A worker that is asked to stop may finish the gateway calls it is in; so long, and no longer.
WORKER_STOP_SECONDS = 12
STOP_SECONDS = 6


def ours(plan: Plan) -> list[Program]:
    """Return web, dispatcher and worker."""
    return [_web(plan), _dispatcher(plan), _worker(plan)]


def _settings(plan: Plan) -> dict[str, str]:
    # The superuser's address is for people; no process of ours has a use for it.
    return {key: value for key, value in plan.values.items() if key != "DATABASE_ADMIN_URL"}


def prepare(plan: Plan) -> Program:
    """Return the process that brings the schema and the demo data up to date, and ends."""
    env = {
        **_settings(plan),
        "DATABASE_ROLE": "owner",
        "DEMO_OPERATOR_PASSWORD": plan.demo_operator_password,
    }
    return Program("prepare", [PYTHON, "manage.py", "prepare_local"], env)


def _web(plan: Plan) -> Program:
    options = {
        "--interface": "wsgi",
        "--host": plan.host,
        "--port": str(plan.port),
        "--workers": os.environ.get("WEB_WORKERS") or "2",
        "--blocking-threads": os.environ.get("WEB_THREADS") or "4",
        "--workers-kill-timeout": "4s",
        "--log-level": "warning",
    }
    command = [PYTHON, "-m", "granian", *(part for pair in options.items() for part in pair)]
    command += ["--respawn-failed-workers", "--no-ws", "config.wsgi:application"]
    return Program("web", command, _settings(plan), stop_seconds=STOP_SECONDS)


def _dispatcher(plan: Plan) -> Program:
    command = [PYTHON, "manage.py", "dispatch"]
    return Program("dispatcher", command, _settings(plan), stop_seconds=STOP_SECONDS)


def _worker(plan: Plan) -> Program:
    slots = os.environ.get("WORKER_SLOTS") or "4"
    command = [PYTHON, "-m", "celery", "-A", "config", "worker", "-l", "info"]
    # Workers that look for each other first start a second later and gain nothing here.
    command += ["--concurrency", slots, "--without-mingle", "--without-gossip"]
    return Program("worker", command, _settings(plan), stop_seconds=WORKER_STOP_SECONDS)
