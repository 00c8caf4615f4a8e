"""The servers of a test run: PostgreSQL (ours, or the one DATABASE_URL names) and a broker.

Ports and names are chosen when this module is imported, so that the settings can be read before
anything runs; each server starts when the first test needs it.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.sql import SQL, Identifier

from config.stack import ports, processes
from config.stack.broker import Broker
from config.stack.postgres import Cluster
from config.stack.roles import Role, Roles, connect_autocommit, ensure_database, ensure_roles

ROOT = Path(__file__).resolve().parent.parent
# A test that waits for a lock this long has a deadlock, and should say so.
LOCK_TIMEOUT = "-c lock_timeout=10s"
# Speed for data that nobody will miss.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
}


class TestDatabases:
    """Three roles, a migrated template, and clones of it."""

    __test__ = False

    def __init__(self, folder: Path, settings: dict[str, str] = FAST) -> None:
        self.folder = folder
        self.given = os.environ.get("DATABASE_URL", "")
        if self.given and not self.given.startswith(("postgres://", "postgresql://")):
            sys.exit(
                "the tests run on PostgreSQL, and DATABASE_URL names something else: unset it for"
                " a server of their own"
            )
        name = f"test_pay_{secrets.token_hex(4)}"
        self.template = name
        self.shared = f"{name}_shared"
        self.roles = Roles(
            owner=Role(f"{name}_owner", secrets.token_hex(16)),
            serving=Role(f"{name}_app", secrets.token_hex(16)),
            operator=Role(f"{name}_operator", secrets.token_hex(16)),
        )
        self._cluster: Cluster | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._clones = 0
        if not self.given:
            password = secrets.token_hex(16)
            self._cluster = Cluster(folder, ports.free_port(), password, settings)

    @property
    def admin_url(self) -> str:
        return self.given or (self._cluster.url() if self._cluster else "")

    @property
    def server_pid(self) -> int | None:
        """The number of the server's process, if it is ours."""
        return self._process.pid if self._process else None

    def url(self, database: str, *, owner: bool = False) -> str:
        role = self.roles.owner if owner else self.roles.serving
        return role.url(self.admin_url, database)

    def env(self, database: str) -> dict[str, str]:
        return {
            "DATABASE_URL": self.url(database),
            "DATABASE_OWNER_URL": self.url(database, owner=True),
            "DATABASE_OPERATOR_URL": self.roles.operator.url(self.admin_url, database),
        }

    def with_names(self, sql: str) -> str:
        """Return the statement with the names of the roles in it."""
        named = sql.replace("{serving}", self.roles.serving.name)
        return named.replace("{operator}", self.roles.operator.name)

    def start(self) -> None:
        """Start the server if it is ours, make the roles, migrate the template, clone it."""
        if self._cluster is not None:
            self._cluster.initialise()
            program = self._cluster.program()
            self._process = processes.start(program, self.folder / "postgres.log")
            self._cluster.wait_ready(self._process)
        with closing(self._admin()) as admin:
            ensure_roles(admin, self.roles)
            ensure_database(admin, self.template, self.roles)
        self._migrate()
        self.clone(self.shared)

    def _admin(self) -> Connection:
        return connect_autocommit(self.admin_url)

    def _migrate(self) -> None:
        command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
        env = {**os.environ, **self.env(self.template)}
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            message = f"migrating the template failed:\n{done.stdout}{done.stderr}"
            raise RuntimeError(message)

    def fresh(self) -> str:
        """Return the name of a new clone of the template."""
        self._clones += 1
        name = f"{self.template}_{self._clones}"
        self.clone(name)
        return name

    def clone(self, name: str) -> None:
        with closing(self._admin()) as admin, admin.cursor() as cursor:
            create = SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
            names = map(Identifier, (name, self.template, self.roles.owner.name))
            cursor.execute(create.format(*names))
            # A clone inherits no grants on the database itself.
            ensure_database(admin, name, self.roles)

    def drop(self, name: str) -> None:
        with closing(self._admin()) as admin, admin.cursor() as cursor:
            statement = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            cursor.execute(statement.format(Identifier(name)))

    def stop(self) -> None:
        """Stop the server if it is ours, else leave it as it was."""
        if self._cluster is None:
            self._clean()
        elif self._process is not None:
            processes.stop(self._process, self._cluster.program())

    def _clean(self) -> None:
        for name in (self.shared, self.template):
            self.drop(name)
        with closing(self._admin()) as admin, admin.cursor() as cursor:
            for role in (self.roles.operator, self.roles.serving, self.roles.owner):
                cursor.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(role.name)))


class TestBroker:
    """A broker that starts when it is first asked for."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder / "broker", ports.free_port())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = processes.start(self.broker.program(), self.folder / "broker.log")
        self.broker.wait_ready(self._process)

    def stop(self) -> None:
        if self._process is not None:
            processes.stop(self._process, self.broker.program())


def connect(url: str) -> Connection:
    """Connect as a test does: with a bound on waiting."""
    return psycopg2.connect(url, options=LOCK_TIMEOUT)


FOLDER = Path(tempfile.mkdtemp(prefix="pay-tests-"))
DATABASES = TestDatabases(FOLDER)
BROKER = TestBroker(FOLDER)


def point_settings_here() -> None:
    """Set the environment that config/settings.py reads, before it does."""
    os.environ.update(
        DATABASES.env(DATABASES.shared),
        DJANGO_SETTINGS_MODULE="config.settings",
        ENV_FILE="",
        DEBUG="0",
        SECRET_KEY="for tests only",
        REDIS_URL=BROKER.broker.url,
        MOCK_DB=str(FOLDER / "mock.sqlite3"),
        MOCK_WEBHOOK_SECRET=secrets.token_hex(16),
        WEBHOOK_SECRET_KEYS=f"tests:{secrets.token_hex(32)}",
        PROMETHEUS_MULTIPROC_DIR=str(FOLDER / "metrics"),
    )


def remove_everything() -> None:
    """Stop what runs and delete what it wrote."""
    BROKER.stop()
    DATABASES.stop()
    shutil.rmtree(FOLDER, ignore_errors=True)
