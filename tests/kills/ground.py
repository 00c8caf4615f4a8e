"""What all places share: one PostgreSQL with a seeded template, and one broker."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg2.sql import SQL, Identifier

from config.stack.roles import connect_autocommit
from tests import servers

# Every database of the broker is for one place.
PLACES_MAX = 16
CONTROL_TOKEN = "a token of the kill matrix"
API_KEY = "a key of the kill matrix"
WEBHOOK_SECRET = "a secret of the kill matrix"
WEBHOOK_ADDRESS = "/api/webhooks/simulator/"
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "ENV_FILE": "",
    "DEBUG": "0",
    "SECRET_KEY": "for the kill matrix only",
    "WEBHOOK_SECRET_KEYS": "k1:for measuring and for killing and nothing else",
}
# A frozen worker's transaction has to end before the run does; locks are waited for no longer.
SHORT_LIMITS = {"idle_in_transaction_session_timeout": "700ms", "lock_timeout": "2s"}


@dataclass(slots=True)
class Ground:
    """Servers of this run alone, and a folder that goes with them."""

    folder: Path
    databases: servers.TestDatabases
    broker: servers.TestBroker
    cookies: dict[str, str] = field(default_factory=dict)

    def broker_url(self, number: int) -> str:
        """Return the address of a place's own part of the broker."""
        return self.broker.broker.url.removesuffix("/0") + f"/{number}"

    def seeded_by(self, name: str) -> None:
        """Have all databases from now on be copies of this one."""
        seeded = f"{self.databases.template}_seeded"
        self.databases.template = name
        self.databases.clone(seeded)
        self.databases.template = seeded

    def renew(self, name: str) -> None:
        """Make a database anew from the seeded template."""
        self.databases.drop(name)
        self.databases.clone(name)


@contextmanager
def ground() -> Iterator[Ground]:
    """Start the servers, and leave nothing of them behind."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    folder = Path(tempfile.mkdtemp(prefix="pay-kills-"))
    databases, broker = servers.TestDatabases(folder), servers.TestBroker(folder)
    try:
        databases.start()
        broker.start()
        _shorten(databases)
        yield Ground(folder, databases, broker)
    finally:
        broker.stop()
        databases.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _shorten(databases: servers.TestDatabases) -> None:
    role = Identifier(databases.roles.serving.name)
    with closing(connect_autocommit(databases.admin_url)) as admin, admin.cursor() as cursor:
        for name, value in SHORT_LIMITS.items():
            statement = SQL("ALTER ROLE {} SET {} = %s")
            cursor.execute(statement.format(role, Identifier(name)), [value])
