"""Works out what a run needs: which servers are ours, and the settings every process gets."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from config.stack import ports
from config.stack.broker import Broker
from config.stack.postgres import Cluster
from config.stack.problem import StackProblem
from config.stack.roles import Role, Roles
from config.stack.simulator import Simulator
from config.stack.state import Folder, Keys, write_private

DATABASE = "pay"
DEFAULT_PORT = 8005
PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: the settings, and the servers it has to bring along."""

    values: dict[str, str]
    host: str
    port: int
    cluster: Cluster | None
    broker: Broker | None
    roles: Roles
    demo_operator_password: str
    simulator: Simulator | None = None

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def make_plan(folder: Folder) -> Plan:
    """Decide from the environment what is ours to run.

    :raises StackProblem: if a setting is no use
    """
    keys = folder.keys()
    cluster = None if os.environ.get("DATABASE_URL") else _cluster(folder, keys)
    broker = None if os.environ.get("REDIS_URL") else _broker(folder, keys)
    simulator = None if os.environ.get("SIMULATOR_URL") else _simulator(keys)
    folder.remember_ports(
        postgres=cluster.port if cluster else 0,
        broker=broker.port if broker else 0,
        simulator=simulator.port if simulator else 0,
    )
    roles = Roles(
        owner=Role("pay_owner", keys.owner_password),
        serving=Role("pay_app", keys.serving_password),
        operator=Role("pay_operator", keys.operator_password),
    )
    port = _web_port()
    values = {
        **_databases(cluster, roles),
        "REDIS_URL": broker.url if broker else os.environ["REDIS_URL"],
        "MOCK_DB": str(folder.root / "mock.sqlite3"),
        "MOCK_WEBHOOK_SECRET": keys.webhook_secret,
        "SECRET_KEY": keys.secret_key,
        "WEBHOOK_SECRET_KEYS": f"local:{keys.webhook_key}",
        "DEBUG": "1",
        "PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(folder.root / "metrics"),
        **_simulated(folder, keys, simulator, port),
    }
    given = {key: os.environ[key] for key in values if os.environ.get(key)}
    host = os.environ.get("HOST") or ports.LOOPBACK
    password = os.environ.get("DEMO_OPERATOR_PASSWORD") or keys.demo_operator_password
    return Plan({**values, **given}, host, port, cluster, broker, roles, password, simulator)


def _cluster(folder: Folder, keys: Keys) -> Cluster:
    return Cluster(folder.root, ports.free_port(keys.postgres_port), keys.admin_password)


def _broker(folder: Folder, keys: Keys) -> Broker:
    return Broker(folder.root / "broker", ports.free_port(keys.broker_port))


def _simulator(keys: Keys) -> Simulator:
    return Simulator(ports.free_port(keys.simulator_port))


def _simulated(
    folder: Folder, keys: Keys, simulator: Simulator | None, web_port: int
) -> dict[str, str]:
    """Return what the simulator and the gateway to it have to know."""
    return {
        "SIMULATOR_URL": simulator.url if simulator else os.environ["SIMULATOR_URL"],
        "SIMULATOR_DB": str(folder.root / "simulator.sqlite3"),
        "SIMULATOR_API_KEY": keys.simulator_api_key,
        "SIMULATOR_CONTROL_TOKEN": keys.simulator_control_token,
        "SIMULATOR_WEBHOOK_SECRET": keys.simulator_webhook_secret,
        "SIMULATOR_WEBHOOK_URL": f"http://{ports.LOOPBACK}:{web_port}/api/webhooks/simulator/",
        "SIMULATOR_KEYS": "1",
        "SIMULATOR_KEY_LIFETIME_SECONDS": "86400",
    }


def _web_port() -> int:
    raw = os.environ.get("PORT") or str(DEFAULT_PORT)
    if not raw.isdecimal() or not 0 < int(raw) <= PORT_MAX:
        message = f"PORT must be a number from 1 to {PORT_MAX}, not {raw!r}"
        raise StackProblem(message)
    return int(raw)


def _databases(cluster: Cluster | None, roles: Roles) -> dict[str, str]:
    if cluster is None:
        given = os.environ["DATABASE_URL"]
        return {
            "DATABASE_URL": given,
            "DATABASE_OWNER_URL": os.environ.get("DATABASE_OWNER_URL") or given,
            "DATABASE_OPERATOR_URL": os.environ.get("DATABASE_OPERATOR_URL") or given,
        }
    admin = cluster.url(database=DATABASE)
    return {
        "DATABASE_URL": roles.serving.url(admin, DATABASE),
        "DATABASE_OWNER_URL": roles.owner.url(admin, DATABASE),
        "DATABASE_OPERATOR_URL": roles.operator.url(admin, DATABASE),
        "DATABASE_ADMIN_URL": admin,
    }


def publish(folder: Folder, plan: Plan) -> None:
    """Write the settings where ``manage.py`` finds them, and empty the metrics of the last run."""
    lines = "".join(f"{key}={value}\n" for key, value in plan.values.items())
    write_private(folder.env, lines)
    metrics = Path(plan.values["PROMETHEUS_MULTIPROC_DIR"])
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
