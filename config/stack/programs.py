"""The processes of the stack that are our own code."""

from config import command_lines
from config.stack.processes import Program
from config.stack.settings import Plan

# A worker that is asked to stop may finish the gateway calls it is in; so long, and no longer.
WORKER_STOP_SECONDS = 12
STOP_SECONDS = 6


def ours(plan: Plan) -> list[Program]:
    """Return web, dispatcher and worker, and the provider to test against if it is ours."""
    simulator = [plan.simulator.program(plan.values)] if plan.simulator else []
    return [*simulator, _web(plan), _dispatcher(plan), _worker(plan)]


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
    return Program("prepare", [command_lines.PYTHON, "manage.py", "prepare_local"], env)


def _web(plan: Plan) -> Program:
    command = command_lines.web(plan.host, plan.port)
    return Program("web", command, _settings(plan), stop_seconds=STOP_SECONDS)


def _dispatcher(plan: Plan) -> Program:
    command = command_lines.dispatcher()
    return Program("dispatcher", command, _settings(plan), stop_seconds=STOP_SECONDS)


def _worker(plan: Plan) -> Program:
    command = command_lines.worker()
    return Program("worker", command, _settings(plan), stop_seconds=WORKER_STOP_SECONDS)
