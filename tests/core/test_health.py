import socket

import pytest
from django.db import connections

from core import health
from tests.core.test_errors import problem


@pytest.fixture
def nobody_listens(monkeypatch, settings):
    """Point the settings of one server at a port that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])

    def database():
        monkeypatch.setitem(connections.settings["default"], "HOST", "127.0.0.1")
        monkeypatch.setitem(connections.settings["default"], "PORT", port)

    def broker():
        settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"

    return {"database": database, "broker": broker}


@pytest.fixture
def silent_server(monkeypatch):
    """Point the database at a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setitem(connections.settings["default"], "HOST", "127.0.0.1")
        monkeypatch.setitem(connections.settings["default"], "PORT", str(server.getsockname()[1]))
        yield
    health._probes().shutdown(wait=True)
    health._probes.cache_clear()


def test_the_process_is_healthy_without_anything_else(client, nobody_listens):
    nobody_listens["database"]()
    nobody_listens["broker"]()

    answer = client.get("/healthz", HTTP_HOST="10.0.0.7")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_is_ready_with_a_migrated_database_and_a_broker(client, committed_db, broker_url):
    answer = client.get("/readyz", HTTP_HOST="10.0.0.7")

    assert answer.json() == {"status": "ready", "checks": {"database": "ok", "broker": "ok"}}


def test_without_a_broker_it_is_degraded_and_still_ready(client, committed_db, nobody_listens):
    nobody_listens["broker"]()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"]["broker"] == "unreachable"


def test_without_a_database_it_is_not_ready(client, committed_db, broker_url, nobody_listens):
    nobody_listens["database"]()

    answer = client.get("/readyz")

    members = problem(answer, 503, "overloaded")
    assert members["checks"] == {"database": "unreachable", "broker": "ok"}
    assert answer["Retry-After"] == "1"


@pytest.mark.usefixtures("silent_server")
def test_a_silent_database_does_not_hold_the_answer(client, committed_db, broker_url):
    answer = client.get("/readyz")

    assert problem(answer, 503, "overloaded")["checks"]["database"] == "too slow"


def test_with_a_migration_missing_it_is_not_ready(client, committed_db, broker_url, owner):
    with owner.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'core'")
    owner.commit()

    answer = client.get("/readyz")

    assert problem(answer, 503, "overloaded")["checks"]["database"] == "migrations missing"
