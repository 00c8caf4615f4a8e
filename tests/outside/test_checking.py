"""Each claim about the outside is broken once, on either side, and is noticed."""

import pytest
from psycopg2 import errors

from tests.outside import checking, gathering
from tests.outside.journal import Journal, lines
from tests.outside.tampering import add, alter, remove, rows, table

# The server counts what these tests rewrite, though it is rolled back.
REWRITTEN = "ledger-never-rewritten"


def asked(ours, told, *, at_rest=True):
    found = {violation.name for violation in checking.ask(ours, told, at_rest=at_rest)}
    return found - {REWRITTEN}


def run(ours, sql, *params):
    with ours.cursor() as cursor:
        cursor.execute(sql, params)
        assert cursor.rowcount


def plain(row):
    """Tell a capture that happened once from the one that a provider made twice."""
    return row["status"] == "captured" and row["payment_method"] == "sim_success"


def test_a_run_breaks_nothing(story):
    found = checking.check(story.owner_url, story.stack.simulator_db, story.journal, at_rest=True)

    assert found == []


class TestProvider:
    def test_a_payment_captured_twice_is_seen(self, ours, told):
        add(told, "sim_charge", plain, id="ch_again")

        assert asked(ours, told) == {"provider-charged-once", "provider-charges-as-booked"}
        assert asked(ours, told, at_rest=False) == {"provider-charged-once"}

    def test_an_operation_whose_money_moved_twice_is_seen(self, ours, told):
        effect = add(told, "sim_effect", lambda row: row["kind"] == "refund", seq=999)

        assert asked(ours, told) == {"provider-moved-once", "provider-owes-as-booked"}
        assert effect["reference"]

    def test_money_that_moved_for_what_failed_is_seen(self, ours, told):
        failed = next(
            row
            for row in rows(told, "sim_charge")
            if row["payment_method"] == "sim_decline_expired"
        )
        add(told, "sim_effect", lambda _: True, kind="capture", reference=failed["reference"], at=0)

        assert asked(ours, told) == {
            "provider-moved-what-ended-well",
            "provider-money-is-known",
            "provider-owes-as-booked",
        }
        assert asked(ours, told, at_rest=False) == {"provider-money-is-known"}

    def test_news_of_a_moment_ago_may_be_on_its_way(self, ours, told):
        failed = next(
            row
            for row in rows(told, "sim_charge")
            if row["payment_method"] == "sim_decline_expired"
        )
        newest = max(row["at"] for row in rows(told, "sim_effect")) + 10_000
        add(told, "sim_effect", lambda _: True, reference=failed["reference"], at=newest)

        assert asked(ours, told, at_rest=False) == set()

    @pytest.mark.parametrize("change", [{"status": "won"}, {"amount": 1}, {"reference": "x"}])
    def test_a_dispute_that_stands_otherwise_is_seen(self, ours, told, change):
        alter(told, "sim_dispute", lambda row: row["status"] == "lost", **change)

        assert asked(ours, told) == {"provider-disputes-as-booked"}

    def test_a_dispute_that_we_do_not_know_is_seen(self, ours, told):
        add(told, "sim_dispute", lambda row: row["status"] == "open", id="dp_x")

        assert asked(ours, told) == {"provider-disputes-as-booked"}

    def test_a_dispute_that_nobody_opened_is_seen(self, ours, told):
        run(ours, "UPDATE payments_dispute SET provider_id = 'dp_x' WHERE status = 'OPEN'")

        assert asked(ours, told) == {"provider-disputes-as-booked"}

    def test_money_that_a_dispute_took_unseen_is_seen(self, ours, told):
        add(told, "sim_effect", lambda row: row["kind"] == "dispute", reference="dp_x")

        assert asked(ours, told) == {"provider-owes-as-booked"}

    def test_a_success_that_moved_no_money_is_seen(self, ours, told):
        charge = next(row for row in rows(told, "sim_charge") if plain(row))
        remove(told, "sim_effect", lambda row: row["reference"] == charge["reference"])

        assert asked(ours, told) == {"provider-moved-what-ended-well", "provider-owes-as-booked"}

    def test_money_that_we_never_heard_of_is_seen(self, ours, told):
        stranger = "01990000-0000-7000-8000-000000000000"
        add(told, "sim_effect", lambda _: True, kind="capture", reference=stranger)

        assert "provider-moved-what-ended-well" in asked(ours, told)

    @pytest.mark.parametrize("change", [{"captured": 999}, {"currency": "EUR"}])
    def test_a_capture_of_other_money_than_was_booked_is_seen(self, ours, told, change):
        alter(told, "sim_charge", plain, **change)

        assert asked(ours, told) == {"provider-charges-as-booked"}

    def test_a_capture_that_is_not_booked_is_seen(self, ours, told):
        charge = next(row for row in rows(told, "sim_charge") if plain(row))
        run(ours, "UPDATE ledger_transaction SET kind = 'x' WHERE kind = 'payment.captured'"
                  " AND source_id = (SELECT payment_id FROM payments_operation"
                  " WHERE id::text = %s)", charge["reference"])  # fmt: skip

        assert asked(ours, told) == {"provider-charges-as-booked"}

    def test_a_booking_of_what_was_never_captured_is_seen(self, ours, told):
        remove(told, "sim_charge", plain)

        assert asked(ours, told) == {"provider-charges-as-booked"}

    def test_money_that_moved_again_and_is_not_in_suspense_is_seen(self, ours, told):
        run(ours, "DELETE FROM ledger_transfer WHERE transaction_id IN ("
                  "SELECT id FROM ledger_transaction WHERE kind = 'surplus.captured')")  # fmt: skip

        assert asked(ours, told) == {"provider-charges-as-booked", "provider-owes-as-booked"}

    def test_a_refund_that_is_not_booked_is_seen(self, ours, told):
        run(ours, "UPDATE ledger_transaction SET kind = 'x' WHERE kind = 'refund.confirmed'")

        assert asked(ours, told) == {"provider-refunds-as-booked"}

    def test_a_refund_of_other_money_than_was_booked_is_seen(self, ours, told):
        alter(told, "sim_refund", lambda row: row["status"] == "succeeded", amount=1)

        assert asked(ours, told) == {"provider-refunds-as-booked"}

    def test_an_operation_with_two_keys_is_seen(self, ours, told):
        add(told, "sim_call", lambda row: row["key"], key="another")

        assert asked(ours, told) == {"provider-one-key-per-operation"}

    def test_a_key_with_two_bodies_is_seen(self, ours, told):
        add(told, "sim_call", lambda row: row["key"], body_sha256="another")

        assert asked(ours, told) == {"provider-one-key-per-operation"}

    def test_a_webhook_that_was_answered_and_not_stored_is_seen(self, ours, told):
        add(told, "sim_letter", lambda row: row["delivered_at"], event="evt_lost", seq=999)

        assert asked(ours, told) == {"provider-webhooks-are-stored"}

    def test_a_webhook_that_is_stored_twice_is_seen(self, ours, told):
        run(ours, "UPDATE webhooks_providerevent SET event_id = (SELECT min(event_id)"
                  " FROM webhooks_providerevent)")  # fmt: skip

        assert asked(ours, told) == {"provider-webhooks-are-stored"}

    def test_a_forgery_that_was_taken_is_seen(self, ours, told):
        alter(told, "sim_letter", lambda row: row["forged"], delivered_at=1.0)

        assert asked(ours, told) == {"provider-webhooks-are-stored"}


def _is_answered(row):
    return row["status"] == 201 and "refunded" in row["body"]


class TestMerchants:
    @pytest.mark.parametrize(
        "change", ["amount = amount + 1", "currency = 'EUR'", "id = gen_random_uuid()"]
    )
    def test_a_payment_other_than_promised_is_seen(self, ours, told, change):
        run(ours, "ALTER TABLE payments_payment DROP CONSTRAINT payments_payment_pkey CASCADE")
        run(ours, f"UPDATE payments_payment SET {change} WHERE amount_refunded = 0"
                  " AND status = 'SUCCESS' AND payment_method = 'sim_drop_after'")  # fmt: skip

        assert "promises-payments-are-there" in asked(ours, told)

    @pytest.mark.parametrize("change", ["amount = amount + 1", "id = gen_random_uuid()"])
    def test_a_refund_other_than_promised_is_seen(self, ours, told, change):
        run(ours, "ALTER TABLE payments_refund DROP CONSTRAINT payments_refund_pkey CASCADE")
        run(ours, f"UPDATE payments_refund SET {change} WHERE amount = 300")

        assert "promises-refunds-are-there" in asked(ours, told)

    def test_a_payment_that_nobody_asked_for_is_seen(self, ours, told):
        remove(told, "cj_ask", lambda row: row["key"] == "pay-3")

        assert asked(ours, told) == {"promises-payments-were-asked"}

    def test_two_promises_under_one_key_are_seen(self, ours, told):
        ask = next(row for row in rows(told, "cj_ask") if row["key"] == "pay-0")
        other = next(row for row in rows(told, "cj_ask") if row["key"] == "pay-1")
        add(told, "cj_answer", lambda row: row["request"] == other["request"],
            request=ask["request"])  # fmt: skip

        assert asked(ours, told) == {"promises-one-answer-per-key"}

    def test_an_answer_that_changed_by_a_byte_is_seen(self, ours, told):
        row = next(row for row in rows(told, "cj_answer") if row["replayed"])
        alter(told, "cj_answer", lambda one: one["request"] == row["request"],
              body=row["body"] + " ")  # fmt: skip

        assert asked(ours, told) == {"promises-one-answer-per-key"}

    def test_another_request_answered_under_a_used_key_is_seen(self, ours, told):
        row = next(row for row in rows(told, "cj_answer") if row["replayed"])
        alter(told, "cj_ask", lambda one: one["request"] == row["request"],
              body='{"amount": 1000, "currency": "INR", "more": 1}')  # fmt: skip

        assert asked(ours, told) == {"promises-one-request-per-key"}

    def test_a_refusal_that_turned_into_a_success_is_seen(self, ours, told):
        row = next(row for row in rows(told, "cj_answer") if row["replayed"])
        alter(told, "cj_answer", lambda one: one["request"] == row["request"], status=422)

        assert asked(ours, told) == {"promises-one-request-per-key"}

    def test_a_key_in_progress_is_no_answer_yet(self, ours, told):
        row = next(row for row in rows(told, "cj_answer") if row["replayed"])
        alter(told, "cj_answer", lambda one: one["request"] == row["request"], status=409)

        assert asked(ours, told) == set()

    @pytest.mark.parametrize("status", [500, None])
    def test_an_error_without_a_fault_is_seen(self, ours, told, status):
        row = add(told, "cj_answer", lambda row: row["replayed"], status=status)
        at = row["at"]
        faults = table(told, "cj_fault")
        faults.rows = [["earlier", at - 30, at - 20, True], ["harmless", at - 1, at + 1, False]]

        assert asked(ours, told) == {"promises-errors-have-a-fault"}

    def test_an_error_in_a_fault_is_excused(self, ours, told):
        row = add(told, "cj_answer", lambda row: row["replayed"], status=503)
        table(told, "cj_fault").rows = [["kill web", row["at"] - 5, row["at"] - 4, True]]

        assert asked(ours, told) == set()


class TestServer:
    def test_a_row_of_the_books_that_was_rewritten_is_seen(self, ours, told, story):
        run(ours, "UPDATE ledger_transfer SET amount = amount")
        run(ours, "SELECT pg_stat_force_next_flush()")
        ours.commit()

        found = checking.ask(ours, told, at_rest=False)
        assert [violation.name for violation in found] == [REWRITTEN]
        assert {row["relname"] for row in found[0].rows} >= {"ledger_transfer"}


class TestJournal:
    def test_it_reads_what_it_wrote_and_not_what_a_kill_cut_in_half(self, tmp_path):
        path = tmp_path / "journal.jsonl"
        journal = Journal(path)
        request = journal.ask(merchant="m", path="/x/", key="k", body={"amount": 1})
        journal.answer(request, 201, '{"id": "1"}', replayed=False)
        journal.silence(request, "reset")
        journal.fault("kill web", 1.0, 2.0, excuses=True)
        journal.close()
        with path.open("a") as file:
            file.write('{"what": "ask", "at": 17')

        assert [line["what"] for line in lines(path)] == ["ask", "answer", "silence", "fault"]
        asks, answers, faults = gathering.of_journal(path)
        assert (len(asks.rows), len(answers.rows), len(faults.rows)) == (1, 2, 1)
        assert [row[2] for row in answers.rows] == [201, None]


def test_nothing_that_is_asked_for_stays(ours, told):
    asked(ours, told)

    with ours.cursor() as cursor, pytest.raises(errors.UndefinedTable):
        cursor.execute("SELECT FROM cj_ask")
