"""`manage.py verify`: what it prints, how it ends, and that it only reads."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from config import verifying
from core.db import rows
from core.invariants import Invariant
from tests.conftest import Database, as_owner
from tests.money import a_shop, owning

CARD = "4111 1111 1111 1111"
TEN_SECONDS = timedelta(seconds=10)


def verify(*args: str) -> tuple[int, str]:
    out = StringIO()
    try:
        with as_owner():
            call_command("verify", *args, stdout=out, stderr=StringIO())
    except SystemExit as exit_:
        return int(str(exit_.code)), out.getvalue()
    return 0, out.getvalue()


def lines(printed: str) -> dict[str, list[str]]:
    found = [line.split() for line in printed.splitlines() if line[:1] not in {" ", ""}]
    return {words[2]: words[:2] for words in found if len(words) > 3}


def break_something() -> None:
    a_shop().accepted()
    dead = "UPDATE outbox_message SET state = 9, finished_at = now(), last_error = %s"
    rows(dead, [f"card {CARD} of somebody"])


def asked(sql: str, timeout: timedelta = TEN_SECONDS) -> verifying.Finding:
    return verifying.ask(Invariant("x-y", "so it is", sql), timeout)


def test_a_day_of_business_breaks_nothing(lived_in: Database) -> None:
    code, printed = verify("--quiescent")

    assert {tuple(words) for words in lines(printed).values()} == {("ok", "0")}
    assert code == 0


class TestOutput:
    def test_there_is_one_line_per_invariant(self, committed_db: Database) -> None:
        code, printed = verify()

        names = [invariant.name for invariant in verifying.invariants(quiescent=False)]
        assert list(lines(printed)) == names
        assert printed.splitlines()[-1] == f"{len(names)} hold"
        assert code == 0

    def test_a_broken_one_says_how_many_rows_and_ends_with_1(self, committed_db: Database) -> None:
        break_something()

        code, printed = verify()

        assert lines(printed)["payments-dead-messages-are-reviewed"] == ["BROKEN", "1"]
        assert lines(printed)["outbox-over-has-an-end"] == ["ok", "0"]
        assert code == 1

    def test_examples_are_few_and_masked(self, committed_db: Database) -> None:
        for _ in range(verifying.EXAMPLES_MAX + 2):
            break_something()

        _, printed = verify()

        assert lines(printed)["payments-dead-messages-are-reviewed"] == ["BROKEN", "7"]
        assert printed.count("last_error=") == verifying.EXAMPLES_MAX
        assert "of somebody" in printed
        assert CARD not in printed

    def test_json_has_the_same(self, committed_db: Database) -> None:
        break_something()

        code, printed = verify("--json")

        found = {finding["name"]: finding for finding in json.loads(printed)}
        assert found["payments-dead-messages-are-reviewed"]["result"] == "BROKEN"
        assert found["payments-dead-messages-are-reviewed"]["rows"] == 1
        assert found["payments-dead-messages-are-reviewed"]["examples"][0]["kind"] == "charge"
        assert found["ledger-trial-balance"]["result"] == "ok"
        assert code == 1

    def test_quiescent_asks_more(self, committed_db: Database) -> None:
        a_shop().accepted()

        busy, at_rest = verify(), verify("--quiescent")

        assert busy[0] == 0
        assert at_rest[0] == 1
        assert "payments-at-rest-no-message-waits" not in busy[1]
        assert lines(at_rest[1])["payments-at-rest-no-message-waits"] == ["BROKEN", "1"]

    def test_what_takes_long_says_so(
        self, committed_db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow = Invariant("x-slow", "it ends", "SELECT pg_sleep(0.3) WHERE pg_sleep(0.3) IS NULL")
        monkeypatch.setattr(verifying, "invariants", lambda **_: [slow])
        monkeypatch.setattr("config.management.commands.verify.PROGRESS_AFTER_SECONDS", 0.05)
        err = StringIO()

        call_command("verify", stdout=StringIO(), stderr=err)

        assert "x-slow (1 of 1) is taking a while" in err.getvalue()


class TestAsking:
    def test_it_cannot_write(self, committed_db: Database) -> None:
        found = asked("SELECT lo_create(0)")

        assert found.word == "unasked"
        assert "read-only transaction" in found.trouble

    def test_one_statement_sees_one_snapshot(self, committed_db: Database) -> None:
        found = asked(
            "SELECT current_setting('transaction_isolation') AS level,"
            " current_setting('transaction_read_only') AS read_only"
        )

        assert found.examples == [{"level": "repeatable read", "read_only": "on"}]

    def test_it_gives_up_in_time_and_that_is_not_ok(self, committed_db: Database) -> None:
        found = asked("SELECT pg_sleep(5)", timedelta(seconds=0.1))

        assert found.word == "unasked"
        assert found.is_bad
        assert "statement timeout" in found.trouble

    def test_it_does_not_queue_behind_a_schema_change(
        self, committed_db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verifying, "LOCK_TIMEOUT_MS", 100)
        with owning(committed_db) as cursor:
            cursor.execute("LOCK TABLE payments_payment IN ACCESS EXCLUSIVE MODE")

            found = asked("SELECT id FROM payments_payment")

        assert found.word == "unasked"
        assert "lock timeout" in found.trouble

    def test_locked_rows_do_not_hold_it_up(self, committed_db: Database) -> None:
        a_shop().accepted()
        with owning(committed_db) as cursor:
            cursor.execute("SELECT FROM payments_payment FOR UPDATE")

            found = asked("SELECT id FROM payments_payment")

        assert found.rows == 1


def manage(database: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{database}", "DEBUG": "1"}
    env["DATABASE_OWNER_URL"] = env["DATABASE_OPERATOR_URL"] = env["DATABASE_URL"]
    command: list[Any] = [sys.executable, "manage.py", *args]
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, check=False
    )


def test_on_sqlite_it_says_what_it_skips(tmp_path: Path) -> None:
    database = tmp_path / "dev.sqlite3"
    migrated = manage(database, "migrate", "--verbosity=0")
    assert migrated.returncode == 0, migrated.stderr

    done = manage(database, "verify")

    found = lines(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert found["payments-triggers-in-force"] == ["skip", "-"]
    assert found["payments-held-are-live-refunds"] == ["ok", "0"]
    assert "skipped on SQLite" in done.stdout
