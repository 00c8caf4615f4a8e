"""A database in which a day went by, shared by the tests of a module, which must leave it so."""

from collections.abc import Generator

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from core.caches import forget
from tests import conftest, servers
from tests.conftest import Database


@pytest.fixture(scope="module")
def lived_in(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Generator[Database]:
    """Give a database of the module's own, in which a day's business was done."""
    from tests.config.day import live_through  # noqa: PLC0415 - models need Django set up

    database = conftest._database(servers.DATABASES.fresh())
    with pytest.MonkeyPatch.context() as monkeypatch, django_db_blocker.unblock():
        conftest._use(database, monkeypatch)
        live_through()
        yield database
        connections.close_all()
    forget()
    servers.DATABASES.drop(database.name)
