"""`manage.py create_roles`: a database and its roles from three addresses and a superuser's."""

from contextlib import closing

import psycopg2
import pytest

from tests.config.commanding import manage


def asked(url: str, sql: str) -> object:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
        return row and row[0]


def test_what_it_made_can_be_migrated_and_served_from(unmade: dict[str, str]) -> None:
    made = manage("create_roles", **unmade)
    migrated = manage("migrate", "--verbosity=0", **unmade)

    assert made.returncode == 0, made.stderr
    assert migrated.returncode == 0, migrated.stderr
    assert manage("wait", "--timeout=5", **unmade).returncode == 0
    assert asked(unmade["DATABASE_OPERATOR_URL"], "SHOW statement_timeout") == "30s"


def test_the_serving_role_owns_nothing(unmade: dict[str, str]) -> None:
    manage("create_roles", **unmade)

    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        asked(unmade["DATABASE_URL"], "CREATE TABLE mine ()")


def test_a_repetition_gives_the_roles_the_passwords_of_today(unmade: dict[str, str]) -> None:
    manage("create_roles", **unmade)
    renewed = unmade["DATABASE_URL"].replace("s%2Fapp", "tomorrow")

    done = manage("create_roles", **{**unmade, "DATABASE_URL": renewed})

    assert done.returncode == 0, done.stderr
    assert asked(renewed, "SELECT 1") == 1
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        asked(unmade["DATABASE_URL"], "SELECT 1")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DATABASE_ADMIN_URL", "", "DATABASE_ADMIN_URL is not set"),
        ("DATABASE_OPERATOR_URL", "", "must name three roles"),
        ("DATABASE_OWNER_URL", "postgresql://o@localhost/pay", "DATABASE_OWNER_URL must name"),
        ("DATABASE_OWNER_URL", "postgresql://o:p@localhost/other", "the same database"),
        ("DATABASE_ADMIN_URL", "postgresql://a:hush@127.0.0.1:1/x", "PostgreSQL: connection to"),
    ],
)
def test_an_address_that_is_no_use_is_refused(
    unmade: dict[str, str], variable: str, value: str, words: str
) -> None:
    done = manage("create_roles", "--timeout=0.1", **{**unmade, variable: value})

    assert done.returncode == 1
    assert words in done.stderr
    assert "hush" not in done.stderr
