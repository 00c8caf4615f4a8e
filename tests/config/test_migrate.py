"""`manage.py migrate` beside another one, and before its server."""

from contextlib import closing

from config.management.commands.migrate import LOCK
from tests.config.commanding import begun, manage, read_until
from tests.conftest import Database


def test_a_migrate_waits_for_another_one(committed_db: Database) -> None:
    with closing(committed_db.connect(owner=True)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])

        with begun("migrate") as migrate:
            said = read_until(migrate, "Another migrate is running")
            assert "No migrations to apply" not in said
            other.rollback()

            assert "No migrations to apply" in read_until(migrate, "No migrations to apply")
            read_until(migrate, "no such line")
            assert migrate.wait() == 0


def test_a_migrate_waits_for_roles_that_are_made_meanwhile(unmade: dict[str, str]) -> None:
    with begun("migrate", "--verbosity=0", **unmade) as migrate:
        said = read_until(migrate, "waiting for the database")
        assert "password authentication failed" in said

        made = manage("create_roles", **unmade)

        assert made.returncode == 0, made.stderr
        read_until(migrate, "no such line")
        assert migrate.wait() == 0
