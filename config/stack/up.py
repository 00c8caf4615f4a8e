"""``make up``: everything, from nothing to the first answer, until somebody says stop."""

import http.client
import time
from contextlib import closing
from urllib.parse import urlsplit

from config.stack import ports, programs, settings
from config.stack.problem import StackProblem
from config.stack.roles import connect_autocommit, ensure_database, ensure_roles
from config.stack.session import hold
from config.stack.settings import Plan
from config.stack.speech import say, show
from config.stack.state import SUPERVISOR, Folder
from config.stack.supervisor import POLL_SECONDS, Supervisor

READY_SECONDS = 60


def up(folder: Folder) -> int:
    """Run the stack until a signal ends it; return the exit code."""
    return hold(folder, bring_up)


def bring_up(supervisor: Supervisor) -> None:
    """Start everything in order and wait for the first answer.

    :raises StackProblem: if something does not come up
    """
    began = time.monotonic()
    plan = settings.make_plan(supervisor.folder)
    if not ports.is_free(plan.port, plan.host):
        message = f"port {plan.port} is taken by another program; choose one: make up PORT=8006"
        raise StackProblem(message)
    settings.publish(supervisor.folder, plan)
    start_servers(supervisor, plan)
    say("database", "bringing schema and demo data up to date")
    supervisor.run_once(programs.prepare(plan))
    for program in programs.ours(plan):
        supervisor.start(program)
    if plan.simulator:
        _wait_ready(supervisor, "simulator", f"{plan.simulator.url}/healthz")
    _wait_ready(supervisor, "web", f"{plan.url}/readyz")
    say(SUPERVISOR, f"ready after {time.monotonic() - began:.1f} s")
    simulator = plan.values["SIMULATOR_URL"]
    show(WELCOME.format(url=plan.url, password=plan.demo_operator_password, simulator=simulator))


def start_servers(supervisor: Supervisor, plan: Plan) -> None:
    """Start the servers that are ours, and make roles and database."""
    broker, cluster = plan.broker, plan.cluster
    broker_process = supervisor.start(broker.program()) if broker else None
    if cluster:
        if not cluster.data.exists():
            say("postgres", f"making a new PostgreSQL {cluster.major} data folder")
        cluster.initialise()
        cluster.wait_ready(supervisor.start(cluster.program()))
        with closing(connect_autocommit(cluster.url())) as admin:
            ensure_roles(admin, plan.roles)
            ensure_database(admin, settings.DATABASE, plan.roles)
    if broker and broker_process:
        broker.wait_ready(broker_process)


def _wait_ready(supervisor: Supervisor, name: str, url: str) -> None:
    say(name, f"waiting for {url}")
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer"
    while time.monotonic() < deadline:
        supervisor.tick()
        status, answer = _ask(url)
        if status == http.client.OK:
            return
        time.sleep(POLL_SECONDS)
    message = f"{url} was not ready within {READY_SECONDS} s: {answer}"
    raise StackProblem(message)


def _ask(url: str) -> tuple[int, str]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=5)
    with closing(connection):
        try:
            connection.request("GET", address.path)
            response = connection.getresponse()
            return response.status, response.read(500).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)


WELCOME = """
  API          {url}/api/payments/
  Swagger UI   {url}/api/docs/
  Admin        {url}/admin/        user: operator   password, unless you changed it: {password}
  Health       {url}/readyz   {url}/metrics
  Simulator    {simulator}/      the other side's books of gateway "simulator"

  Try it:

    curl -X POST {url}/api/payments/ -H "X-API-KEY: test_api_key" \\
      -H "Idempotency-Key: pay-001" -H "Content-Type: application/json" \\
      -d '{{"amount": 1000, "currency": "INR"}}'

  Ctrl-C stops everything. Logs: make logs. Data stays in .local until make reset.
"""
