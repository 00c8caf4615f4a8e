"""Connections of each role, for tests in plain SQL. What is not committed goes."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest
from psycopg2.extensions import connection as Connection

from tests import servers
from tests.conftest import Database
from tests.ledger.plain_sql import Sql


@pytest.fixture
def as_owner(owner: Connection) -> Sql:
    return Sql(owner)


@pytest.fixture
def as_serving(django_db_setup: None) -> Iterator[Sql]:
    url = servers.DATABASES.url(servers.DATABASES.shared)
    with closing(servers.connect(url)) as connection:
        yield Sql(connection)


@pytest.fixture
def as_superuser(django_db_setup: None) -> Iterator[Sql]:
    shared = urlsplit(servers.DATABASES.admin_url)._replace(path=servers.DATABASES.shared)
    with closing(servers.connect(urlunsplit(shared))) as connection:
        superuser = Sql(connection)
        if superuser.run("SHOW is_superuser") != [("on",)]:
            pytest.skip("this server's DATABASE_URL is not a superuser's")
        yield superuser


@pytest.fixture(params=["as_owner", "as_serving"])
def sql(request: pytest.FixtureRequest) -> Sql:
    """Meet each constraint as both roles; nothing is committed."""
    either: Sql = request.getfixturevalue(request.param)
    return either


@pytest.fixture(params=[True, False], ids=["as_owner", "as_serving"])
def committing_sql(request: pytest.FixtureRequest, committed_db: Database) -> Iterator[Sql]:
    with closing(committed_db.connect(owner=request.param)) as connection:
        yield Sql(connection)
