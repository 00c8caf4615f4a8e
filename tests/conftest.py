"""Databases and brokers for tests. All of it is real; a run leaves nothing behind."""

import logging
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import StringIO

import django
import pytest
import redis
from django.conf import settings
from django.db import connection, connections
from psycopg2.extensions import connection as Connection
from pytest_django import DjangoDbBlocker

from config import environment
from core.caches import forget
from core.db import OPERATOR, acting_as
from core.logging import configure
from tests import servers

servers.point_settings_here()


def pytest_configure() -> None:
    django.setup()


def pytest_unconfigure() -> None:
    servers.remove_everything()


@dataclass(frozen=True, slots=True)
class Database:
    """One database; ``env`` is what a process needs in its environment to use it."""

    name: str
    env: dict[str, str]

    @property
    def url(self) -> str:
        """Return the address of the serving role."""
        return self.env["DATABASE_URL"]

    @property
    def owner_url(self) -> str:
        """Return the address of the owner."""
        return self.env["DATABASE_OWNER_URL"]

    @property
    def operator_url(self) -> str:
        """Return the address of the operator."""
        return self.env["DATABASE_OPERATOR_URL"]

    def connect(self, *, owner: bool = False) -> Connection:
        """Open a second connection; its transactions are the test's to end."""
        return servers.connect(self.owner_url if owner else self.url)


def _database(name: str) -> Database:
    return Database(name, servers.DATABASES.env(name))


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """Replace Django's own: the template is migrated by the owner, the tests are not the owner."""
    servers.DATABASES.start()


@pytest.fixture(autouse=True)
def _no_cache_outlives_its_test() -> Iterator[None]:
    yield
    forget()


def _use(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # `connections.settings` is what every thread's connection is made from.
    connections.close_all()
    for alias in connections.settings:
        monkeypatch.setitem(connections.settings[alias], "NAME", database.name)
    for key, value in database.env.items():
        monkeypatch.setattr(settings, key, value)
        monkeypatch.setenv(key, value)
    forget()


@contextmanager
def as_owner() -> Iterator[None]:
    """Have this thread's connection be the owner's, as in manage.py."""
    entry = connections.settings["default"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        connection.close()
        for key, value in environment.database(settings.DATABASE_OWNER_URL).items():
            monkeypatch.setitem(entry, key, value)
        yield
        connection.close()


@contextmanager
def a_database(blocker: DjangoDbBlocker) -> Generator[Database]:
    """Use a database of its own, where transactions really commit."""
    database = _database(servers.DATABASES.fresh())
    with pytest.MonkeyPatch.context() as monkeypatch, blocker.unblock():
        _use(database, monkeypatch)
        yield database
        connections.close_all()
    forget()
    servers.DATABASES.drop(database.name)


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Generator[Database]:
    """Give the test a database of its own, where transactions really commit."""
    with a_database(django_db_blocker) as database:
        yield database


@pytest.fixture
def owner(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Connect to the test's database as the owner of its tables; what is not committed goes."""
    with closing(servers.connect(_of(request).owner_url)) as connection:
        yield connection


@pytest.fixture
def operator(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Connect to the test's database as the operator; what is not committed goes."""
    with closing(servers.connect(_of(request).operator_url)) as connection:
        yield connection


@pytest.fixture
def as_operator(committed_db: Database) -> Iterator[Database]:
    """Act as the operator in a database of the test's own, as everything under /admin/ does."""
    with acting_as(OPERATOR):
        yield committed_db


def _of(request: pytest.FixtureRequest) -> Database:
    if "committed_db" in request.fixturenames:
        database: Database = request.getfixturevalue("committed_db")
        return database
    request.getfixturevalue("django_db_setup")
    return _database(servers.DATABASES.shared)


@pytest.fixture(scope="session")
def _broker() -> str:
    servers.BROKER.start()
    return servers.BROKER.broker.url


@pytest.fixture
def broker_url(_broker: str) -> str:
    """Give the address of an empty broker; it is `settings.REDIS_URL` too."""
    with closing(redis.Redis.from_url(_broker)) as client:
        client.flushall()
    return _broker


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """Collect what this process logs."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = StringIO()
    configure(stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
