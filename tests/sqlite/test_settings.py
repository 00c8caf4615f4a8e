"""Where SQLite is used, and where it is refused."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import BASE_DIR, database
from config.stack.settings import make_plan
from config.stack.state import Folder
from tests.sqlite.files import manage


def test_a_relative_path_begins_at_the_project():
    assert database("sqlite:///.local/dev.sqlite3")["NAME"] == f"{BASE_DIR}/.local/dev.sqlite3"


def test_an_absolute_path_stays_what_it_is():
    assert database("sqlite:////var/tmp/dev.sqlite3")["NAME"] == "/var/tmp/dev.sqlite3"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://dev.sqlite3"])
def test_a_url_without_a_path_is_refused(url):
    with pytest.raises(ImproperlyConfigured, match="three slashes"):
        database(url)


def test_without_debug_it_is_refused(tmp_path):
    refused = manage(tmp_path / "live.sqlite3", "check", DEBUG="0", SECRET_KEY="long enough")

    assert refused.returncode == 1
    assert "SQLite file, which is for development only" in refused.stderr
    assert "Name a PostgreSQL" in refused.stderr


def test_an_owner_on_another_database_is_not_asked(files):
    elsewhere = "postgresql://nobody@127.0.0.1:1/none"

    done = manage(Path(files.fresh()), "verify", DATABASE_OWNER_URL=elsewhere)

    assert done.returncode == 0, done.stderr


def test_up_starts_a_broker_and_no_database_server(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite:///.local/dev.sqlite3")
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    folder = Folder(tmp_path)
    folder.prepare()

    plan = make_plan(folder)

    assert plan.cluster is None
    assert plan.broker is not None
    assert plan.values["DATABASE_OWNER_URL"] == "sqlite:///.local/dev.sqlite3"
