"""`manage.py wait` and `start`: a process that comes up before what it needs."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from config import command_lines
from config.stack.ports import free_port
from tests.config.commanding import begun, manage, python, read_until, started, wait_until
from tests.conftest import Database


@pytest.fixture
def refusing() -> Iterator[int]:
    """Hold a port on which nobody answers."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def forget_a_migration(database: Database) -> tuple[str, str]:
    """Delete what is known of the last migration; return its app and name."""
    last = "DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations)"
    with closing(database.connect(owner=True)) as owner, owner, owner.cursor() as cursor:
        cursor.execute(f"{last} RETURNING app, name")
        ((app, name),) = cursor.fetchall()
    return app, name


def remember(database: Database, migration: tuple[str, str]) -> None:
    sql = "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())"
    with closing(database.connect(owner=True)) as owner, owner, owner.cursor() as cursor:
        cursor.execute(sql, migration)


def role(database: Database) -> str:
    return database.url.split("//")[1].split(":")[0]


class TestWaiting:
    def test_ends_at_once_where_nothing_is_missing(
        self, committed_db: Database, broker_url: str
    ) -> None:
        done = manage("wait", "--broker")

        assert (done.returncode, done.stderr[:11]) == (0, "ready after")

    def test_gives_up_naming_what_is_missing(self, committed_db: Database) -> None:
        forget_a_migration(committed_db)

        done = manage("wait", "--timeout=3")

        assert done.returncode == 1
        assert re.search(r"gave up after \d+ s: the database: migrations are missing", done.stderr)

    def test_goes_on_when_the_last_migration_is_there(self, committed_db: Database) -> None:
        forgotten = forget_a_migration(committed_db)

        with begun("wait") as waiting:
            said = read_until(waiting, "waiting for the database: migrations are missing")
            assert "migrations are missing" in said
            remember(committed_db, forgotten)

            assert "ready" in read_until(waiting, "ready")

            assert waiting.wait() == 0

    def test_waits_for_rights_as_the_role_that_serves(self, committed_db: Database) -> None:
        revoke = f"REVOKE SELECT ON django_migrations FROM {role(committed_db)}"
        with closing(committed_db.connect(owner=True)) as owner, owner, owner.cursor() as cursor:
            cursor.execute(revoke)

        done = manage("wait", "--timeout=3")

        assert "permission denied for table django_migrations" in done.stderr

    def test_says_why_the_server_does_not_let_it_in_and_keeps_the_password(
        self, committed_db: Database
    ) -> None:
        password = committed_db.url.split(":")[2].split("@")[0]
        wrong = committed_db.url.replace(password, "not-the-password")

        done = manage("wait", "--timeout=3", DATABASE_URL=wrong)

        assert done.returncode == 1
        assert "password authentication failed" in done.stderr
        assert "not-the-password" not in done.stderr + done.stdout

    def test_names_the_broker_only_if_it_was_asked_to(
        self, committed_db: Database, refusing: int
    ) -> None:
        url = f"redis://127.0.0.1:{refusing}/0"

        without = manage("wait", REDIS_URL=url)
        with_broker = manage("wait", "--broker", "--timeout=3", REDIS_URL=url)

        assert without.returncode == 0
        assert with_broker.returncode == 1
        assert "the broker: unreachable" in with_broker.stderr

    def test_ends_when_told(self, committed_db: Database) -> None:
        forget_a_migration(committed_db)

        with begun("wait") as waiting:
            read_until(waiting, "waiting for")
            waiting.terminate()

            assert waiting.wait() == 128 + signal.SIGTERM


class TestStarting:
    def test_refuses_a_process_that_does_not_exist(self) -> None:
        done = manage("start", "cook")

        assert done.returncode == 2
        assert "invalid choice: 'cook'" in done.stderr

    def test_gives_up_as_waiting_does(self, committed_db: Database) -> None:
        forget_a_migration(committed_db)

        done = manage("start", "web", "--timeout=3")

        assert done.returncode == 1
        assert "migrations are missing" in done.stderr

    def test_web_serves_as_the_serving_role_and_passes_its_probe(
        self, committed_db: Database, broker_url: str
    ) -> None:
        env = {"HOST": "127.0.0.1", "PORT": str(free_port())}

        with begun("start", "web", **env) as web:
            assert wait_until(lambda: probe("web", **env) == (0, "ok"))

            environment = Path(f"/proc/{web.pid}/environ").read_bytes()
            assert b"DATABASE_ROLE=owner" not in environment

    @pytest.mark.parametrize("name", ["dispatcher", "worker"])
    def test_who_does_not_listen_passes_its_probe_by_its_heart(
        self, committed_db: Database, broker_url: str, tmp_path: Path, name: str
    ) -> None:
        env = {"HEARTBEAT_FILE": str(tmp_path / "heartbeat")}
        assert probe(name, **env) == (1, "no heartbeat: No such file or directory")

        with begun("start", name, **env):
            assert wait_until(lambda: probe(name, **env) == (0, "ok"))

    @pytest.mark.parametrize("name", ["dispatcher", "worker"])
    def test_a_heart_beats_again_and_again(
        self, committed_db: Database, broker_url: str, tmp_path: Path, name: str
    ) -> None:
        file = tmp_path / "heartbeat"

        with begun("start", name, HEARTBEAT_FILE=str(file)):
            assert wait_until(file.exists)
            long_ago = time.time() - 3600
            os.utime(file, (long_ago, long_ago))

            assert wait_until(lambda: file.stat().st_mtime > long_ago + 60)


def probe(name: str, **env: str) -> tuple[int, str]:
    done = python("-m", "config.probe", name, **env)
    return done.returncode, done.stdout.strip()


class TestProbing:
    def test_finds_a_heart_that_stopped(self, tmp_path: Path) -> None:
        file = tmp_path / "heartbeat"
        file.touch()
        then = time.time() - 40
        os.utime(file, (then, then))

        code, said = probe("worker", HEARTBEAT_FILE=str(file))

        assert code == 1
        assert re.fullmatch(r"no heartbeat for \d+ s", said)

    def test_finds_a_web_that_does_not_answer(self, refusing: int) -> None:
        code, said = probe("web", PORT=str(refusing))

        assert (code, said) == (1, "no answer: [Errno 111] Connection refused")

    def test_passes_on_why_a_web_is_not_ready(
        self, committed_db: Database, broker_url: str, refusing: int
    ) -> None:
        port = str(free_port())
        nowhere = f"postgresql://pay_app:x@127.0.0.1:{refusing}/pay"
        command = command_lines.web("127.0.0.1", int(port))[1:]

        with started(*command, PORT=port, DATABASE_URL=nowhere):
            assert wait_until(lambda: "no answer" not in probe("web", PORT=port)[1])

            code, said = probe("web", PORT=port)
            assert code == 1
            assert said.startswith("503")
            assert "unreachable" in said

    def test_needs_no_django(self) -> None:
        code = "import sys, config.probe; print(sorted(sys.modules.keys() & {'django', 'celery'}))"

        assert python("-c", code).stdout.strip() == "[]"

    def test_wants_a_name_it_knows(self) -> None:
        done = python("-m", "config.probe", "cook")

        assert done.returncode == 1
        assert "usage" in done.stderr
