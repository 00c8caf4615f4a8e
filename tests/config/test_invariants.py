"""Each invariant finds the damage it is there for, and nothing else does. Nothing is committed."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from config import verifying
from core.invariants import Invariant
from payments.fact_invariants import no_second_send
from tests import servers
from tests.config.damage import ALL
from tests.config.damage_to_rooms import OF_RIGHTS, OF_TRIGGERS
from tests.config.planting import Damage
from tests.conftest import Database
from tests.ledger.test_invariants import DAMAGE as OF_LEDGER

# What the owner of the tables can do: grants and triggers cannot stop it, so it must be noticed.
WITHOUT_CONSTRAINTS = """
    DO $$ DECLARE c record; BEGIN
        FOR c IN SELECT conname, conrelid::regclass AS tab FROM pg_constraint
                 WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'c', 'u')
                   AND conrelid::regclass::text ~ '^(core|ledger|outbox|payments|webhooks)_'
                 ORDER BY contype = 'u' LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.tab, c.conname);
        END LOOP;
        FOR c IN SELECT i.indexrelid::regclass AS name FROM pg_index i
                 WHERE i.indisunique AND NOT i.indisprimary
                   AND i.indrelid::regclass::text ~ '^(core|ledger|outbox|payments|webhooks)_' LOOP
            EXECUTE format('DROP INDEX %s', c.name);
        END LOOP;
    END $$;
"""
TRIGGERS = """
    DO $$ DECLARE t record; BEGIN
        FOR t IN SELECT tgname, tgrelid::regclass AS tab FROM pg_trigger WHERE NOT tgisinternal LOOP
            EXECUTE format('ALTER TABLE %s {what} TRIGGER %I', t.tab, t.tgname);
        END LOOP;
    END $$;
"""
CASES = [(name, damage) for name, damages in ALL.items() for damage in damages]
IDS = [f"{name}-{i}" for name, damages in ALL.items() for i in range(1, len(damages) + 1)]
IN_CATALOGUE = [
    (name, sql) for found in (OF_TRIGGERS, OF_RIGHTS) for name, of in found.items() for sql in of
]


def everything() -> list[Invariant]:
    # All mocks know keys, so this one is asked about a gateway as if it knew none.
    keyless = no_second_send(["mock_failure"])
    found = verifying.invariants(quiescent=True)
    return [keyless if invariant.name == keyless.name else invariant for invariant in found]


def run(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def broken(connection: Connection) -> set[str]:
    return {invariant.name for invariant in everything() if run(connection, invariant.sql)}


@pytest.fixture(scope="module")
def unguarded(lived_in: Database) -> Iterator[Connection]:
    """Connect as owner to the day's database, in a transaction that took the constraints away."""
    with closing(lived_in.connect(owner=True)) as connection:
        run(connection, WITHOUT_CONSTRAINTS)
        yield connection


@pytest.fixture
def sandbox(unguarded: Connection) -> Iterator[Connection]:
    run(unguarded, "SAVEPOINT before_damage")
    yield unguarded
    run(unguarded, "ROLLBACK TO SAVEPOINT before_damage")


def test_every_invariant_has_damage_to_find() -> None:
    planted = {*ALL, *OF_TRIGGERS, *OF_RIGHTS, *OF_LEDGER}

    assert planted == {invariant.name for invariant in everything()}


def test_names_are_given_once() -> None:
    names = [invariant.name for invariant in everything()]

    assert len(names) == len(set(names))


def test_a_day_breaks_none(unguarded: Connection) -> None:
    assert broken(unguarded) == set()


@pytest.mark.parametrize(("name", "damage"), CASES, ids=IDS)
def test_damage_is_found_by_its_invariant(sandbox: Connection, name: str, damage: Damage) -> None:
    run(sandbox, TRIGGERS.replace("{what}", "DISABLE"))
    run(sandbox, damage.sql)
    run(sandbox, TRIGGERS.replace("{what}", "ENABLE ALWAYS"))

    assert broken(sandbox) == {name, *damage.also}


@pytest.mark.parametrize(("name", "sql"), IN_CATALOGUE)
def test_a_guard_taken_away_is_found(sandbox: Connection, name: str, sql: str) -> None:
    run(sandbox, servers.DATABASES.with_names(sql))

    assert broken(sandbox) == {name}


def test_every_trigger_of_ours_is_asked_about(unguarded: Connection) -> None:
    listed = " ".join(invariant.sql for invariant in everything())
    there = run(unguarded, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")

    missing = [name for (name,) in there if f"'{name}'" not in listed]

    assert there
    assert missing == []


def test_a_second_send_after_a_certain_not_sent_is_fine(sandbox: Connection) -> None:
    (second,) = (damage.sql for damage in ALL["payments-no-second-send-without-keys"])
    run(sandbox, TRIGGERS.replace("{what}", "DISABLE"))
    run(sandbox, "UPDATE payments_attempt SET outcome = 'not_sent' WHERE outcome = 'declined'")
    run(sandbox, second)

    found = run(sandbox, no_second_send(["mock_failure"]).sql)

    assert found == []
