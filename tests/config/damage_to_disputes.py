"""Damage to disputes, to what was said of them, and to what was booked for them."""

from tests.config.planting import Damage, booking, copy, first

OPEN, WON, LOST = (first("payments_dispute", f"status = '{s}'") for s in ("OPEN", "WON", "LOST"))
BOTH = first(
    "payments_dispute",
    "id IN (SELECT dispute_id FROM payments_statuschange WHERE after = 'WON') AND status = 'LOST'",
)


def _fact(dispute: str, said: str) -> str:
    return first("payments_disputefact", f"dispute_id = {dispute} AND said = '{said}'")


OF_DISPUTES = {
    "payments-disputes-fit": [
        Damage(
            f"UPDATE payments_dispute SET gateway = 'another' WHERE id = {LOST}",
            ("payments-disputes-as-booked", "webhooks-disputes-are-facts"),
        ),
        Damage(
            f"""
            UPDATE payments_dispute SET amount = 1201 WHERE id = {LOST};
            UPDATE payments_disputefact SET amount = 1201 WHERE dispute_id = {LOST};
            UPDATE webhooks_providerevent SET amount = 1201
            WHERE id IN (SELECT id FROM payments_disputefact WHERE dispute_id = {LOST})
            """,
            ("payments-disputes-as-booked",),
        ),
    ],
    "payments-dispute-is-its-facts": [
        Damage(
            f"UPDATE payments_disputefact SET said = 'opened' WHERE id = {_fact(WON, 'won')}",
            ("webhooks-disputes-are-facts",),
        ),
        Damage(
            f"DELETE FROM payments_disputefact WHERE dispute_id = {OPEN}",
            ("payments-disputes-changed-in-one-transaction", "webhooks-disputes-are-facts"),
        ),
    ],
    "payments-dispute-facts-fit": [
        Damage(
            f"UPDATE payments_disputefact SET {column} WHERE id = {_fact(OPEN, 'opened')}",
            ("webhooks-disputes-are-facts",),
        )
        for column in ("amount = 1", "currency = 'USD'", "fee = 16")
    ],
    "payments-disputes-as-booked": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1
            WHERE transaction_id = {booking("dispute.opened", OPEN)}
            """,
            ("payments-held-for-open-disputes",),
        ),
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1
            WHERE transaction_id = {booking("dispute.fee", WON)}
            """
        ),
        Damage(
            f"""
            UPDATE ledger_transaction SET source_id = gen_random_uuid()
            WHERE id = {booking("dispute.fee", LOST)}
            """
        ),
        Damage(
            f"""
            UPDATE ledger_transfer SET (debit_account_id, credit_account_id)
                = (credit_account_id, debit_account_id)
            WHERE transaction_id = {booking("dispute.lost", BOTH)}
            """
        ),
        Damage(
            f"UPDATE payments_dispute SET fee = NULL WHERE id = {OPEN}",
            ("payments-dispute-facts-fit",),
        ),
    ],
    "payments-held-for-open-disputes": [
        Damage(
            f"""
            UPDATE ledger_transaction SET kind = 'odd'
            WHERE id = {booking("dispute.won", WON)};
            {copy("ledger_transaction", "kind = 'odd'", kind="'dispute.won'", source_id=WON)};
            INSERT INTO ledger_transfer
            SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(),
                'transaction_id', {booking("dispute.won", WON)}))).*
            FROM ledger_transfer t JOIN ledger_transaction x ON x.id = t.transaction_id
            WHERE x.kind = 'odd'
            """
        )
    ],
    "payments-disputes-changed-in-one-transaction": [
        Damage(f"UPDATE payments_dispute SET xid = '1' WHERE id = {OPEN}"),
        Damage(
            f"UPDATE ledger_transaction SET xid = '1' WHERE id = {booking('dispute.won', WON)}",
            ("ledger-transfers-written-with-headers",),
        ),
        Damage(
            "DELETE FROM payments_event WHERE type = 'dispute.lost'",
            ("payments-event-numbers-fit",),
        ),
    ],
    "webhooks-disputes-are-facts": [
        Damage("UPDATE payments_disputefact SET id = gen_random_uuid() WHERE said = 'won'"),
        Damage(
            f"""
            UPDATE webhooks_providerevent SET account = 'acct_x' WHERE id = {_fact(OPEN, 'opened')}
            """
        ),
        Damage("UPDATE webhooks_providerevent SET kind = 'gift' WHERE kind = 'dispute'",
               ("webhooks-applied-are-facts",)),
    ],
}  # fmt: skip
