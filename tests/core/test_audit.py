"""The audit log says who, what and why, and only grows; whoever writes it."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from psycopg2 import errors

from core import audit
from core.audit import AuditEntry
from core.db import TransactionMisuse, rows, transaction
from core.logging import bound
from tests.config.test_verify import manage
from tests.core.samples import CARDS
from tests.payments.planting import insert, update

ACT: dict[str, Any] = {
    "actor": "ada",
    "action": "message.replayed",
    "subject_type": "message",
    "subject_id": "01a2",
    "reason": "the provider is back",
    "before": {"epoch": 3},
    "after": {"epoch": 4},
}
ENTRY: dict[str, Any] = {**ACT, "before": "{}", "after": "{}", "request_id": ""}


@pytest.mark.usefixtures("as_operator")
class TestAnEntry:
    def test_says_who_did_what_to_which_and_why(self):
        with transaction(), bound(request_id="r-1"):
            entry_id = audit.record(**ACT)
            writer = rows("SELECT pg_current_xact_id(), now()")

        entry = AuditEntry.objects.get(id=entry_id)
        assert {name: getattr(entry, name) for name in ACT} == ACT
        assert entry.request_id == "r-1"
        assert [(entry.xid, entry.at)] == writer

    @pytest.mark.parametrize("missing", ["reason", "actor"])
    @pytest.mark.parametrize("blank", ["", " \t\n"])
    def test_needs_somebody_and_a_reason(self, missing, blank):
        with transaction(), pytest.raises(ValueError, match="somebody who does it, and a reason"):
            audit.record(**{**ACT, missing: blank})

    def test_is_written_with_what_it_tells_of(self):
        with pytest.raises(TransactionMisuse):
            audit.record(**ACT)

    def test_keeps_no_card_number_that_somebody_pasted(self):
        with transaction():
            audit.record(**{**ACT, "reason": f"customer wrote {CARDS[0]}"})

        reason = AuditEntry.objects.get().reason
        assert reason.startswith("customer wrote")
        assert CARDS[0] not in reason


class TestTheDatabase:
    @pytest.mark.parametrize("blank", ["actor", "action", "subject_id", "reason"])
    def test_refuses_an_entry_without(self, operator, blank):
        with pytest.raises(errors.CheckViolation, match=f"audit_says_{blank}"):
            insert(operator, "core_auditentry", **{**ENTRY, blank: "  "})

    def test_stamps_time_and_writer_itself(self, operator):
        forged = {"at": "2020-01-01", "xid": "7"}

        entry_id = insert(operator, "core_auditentry", **ENTRY, **forged)

        with operator.cursor() as cursor:
            cursor.execute(
                "SELECT at = now(), xid = pg_current_xact_id() FROM core_auditentry WHERE id = %s",
                [entry_id],
            )
            assert cursor.fetchall() == [(True, True)]

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE core_auditentry SET reason = 'another'",
            "DELETE FROM core_auditentry",
            "TRUNCATE core_auditentry CASCADE",
        ],
    )
    def test_refuses_its_owner_a_change(self, owner, sql):
        insert(owner, "core_auditentry", **ENTRY)

        with owner.cursor() as cursor, pytest.raises(errors.RestrictViolation):
            cursor.execute(sql)

    def test_refuses_the_operator_a_change(self, operator):
        entry_id = insert(operator, "core_auditentry", **ENTRY)

        with pytest.raises(errors.InsufficientPrivilege):
            update(operator, "core_auditentry", entry_id, reason="another")

    def test_refuses_a_change_on_sqlite(self, tmp_path):
        file = tmp_path / "dev.sqlite3"
        assert manage(file, "migrate", "core", "--verbosity=0").returncode == 0
        names = ("id", "at", *ENTRY)
        entry = ["e1", "2026-01-01", *ENTRY.values()]
        with closing(sqlite3.connect(file)) as database:
            marks = ", ".join("?" * len(names))
            sql = f"INSERT INTO core_auditentry ({', '.join(names)}) VALUES ({marks})"
            database.execute(sql, entry)

            for sql in ("UPDATE core_auditentry SET reason = 'x'", "DELETE FROM core_auditentry"):
                with pytest.raises(sqlite3.IntegrityError, match="is append-only"):
                    database.execute(sql)
