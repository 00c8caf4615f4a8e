"""Two databases: one in which a day went by, and one that nobody has made yet."""

import secrets
from collections.abc import Generator, Iterator
from contextlib import closing

import pytest
from django.db import connections
from psycopg2.sql import SQL, Identifier
from pytest_django import DjangoDbBlocker

from config.stack.roles import Role, connect_autocommit
from core.caches import forget
from tests import conftest, servers
from tests.conftest import Database


@pytest.fixture(scope="module")
def lived_in(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Generator[Database]:
    """Give a database of the module's own, in which a day's business was done; leave it so."""
    from tests.config.day import live_through  # noqa: PLC0415 - models need Django set up

    database = conftest._database(servers.DATABASES.fresh())
    with pytest.MonkeyPatch.context() as monkeypatch, django_db_blocker.unblock():
        conftest._use(database, monkeypatch)
        live_through()
        yield database
        connections.close_all()
    forget()
    servers.DATABASES.drop(database.name)


@pytest.fixture
def unmade(django_db_setup: None) -> Iterator[dict[str, str]]:
    """Give addresses of a database and roles that are not there, and remove what became of them."""
    name, admin_url = f"test_made_{secrets.token_hex(4)}", servers.DATABASES.admin_url
    words = {"DATABASE_URL": "app", "DATABASE_OWNER_URL": "owner", "DATABASE_OPERATOR_URL": "op"}
    roles = {key: Role(f"{name}_{word}", f"s/{word}:%@") for key, word in words.items()}
    urls = {key: role.url(admin_url, name) for key, role in roles.items()}
    yield {**urls, "DATABASE_ADMIN_URL": admin_url}
    with closing(connect_autocommit(admin_url)) as admin, admin.cursor() as cursor:
        cursor.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))
        for role in roles.values():
            cursor.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(role.name)))
