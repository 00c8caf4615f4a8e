"""What must hold between disputes, what was said of them, and the books."""

from core.invariants import Invariant

# Whoever was ever won and is lost now lost what had been given back.
_HAD_BEEN_WON = """
    EXISTS (SELECT 1 FROM payments_statuschange c WHERE c.dispute_id = d.id AND c.after = 'WON')
"""
# Every leg that there has to be, and every leg that there is.
_LEGS = f"""
    expected (kind, source_id, merchant_id, mode, layer, debit, debtor, credit, creditor, amount,
              currency) AS (
        SELECT 'dispute.' || leg.fact, d.id, d.merchant_id, d.mode, 'posted',
               leg.debit, CASE WHEN leg.debit ~ 'receivable$' THEN d.gateway
                               ELSE d.merchant_id::text END,
               leg.credit, CASE WHEN leg.credit ~ 'receivable$' THEN d.gateway
                                ELSE d.merchant_id::text END,
               CASE leg.fact WHEN 'fee' THEN d.fee ELSE d.amount END, d.currency
        FROM payments_dispute d
        JOIN (VALUES
            ('opened', 'disputes_receivable', 'gateway_receivable'),
            ('opened', 'merchant_payable', 'dispute_hold'),
            ('fee', 'merchant_payable', 'gateway_receivable'),
            ('won', 'gateway_receivable', 'disputes_receivable'),
            ('won', 'dispute_hold', 'merchant_payable'),
            ('lost', 'dispute_hold', 'disputes_receivable'),
            ('lost', 'merchant_payable', 'gateway_receivable')
        ) AS leg (fact, debit, credit) ON CASE leg.fact
            WHEN 'opened' THEN true
            WHEN 'fee' THEN d.fee IS NOT NULL
            WHEN 'won' THEN {_HAD_BEEN_WON}
            ELSE d.status = 'LOST' AND (leg.debit = 'merchant_payable') = {_HAD_BEEN_WON} END
    ), booked AS (
        SELECT x.kind, x.source_id, x.merchant_id, x.mode, t.layer, debit.code, debit.owner,
               credit.code, credit.owner, t.amount, t.currency
        FROM ledger_transaction x
        JOIN ledger_transfer t ON t.transaction_id = x.id
        JOIN ledger_account debit ON debit.id = t.debit_account_id
        JOIN ledger_account credit ON credit.id = t.credit_account_id
        WHERE x.kind LIKE 'dispute.%'
    )
"""  # noqa: S608 - our own constants

INVARIANTS: list[Invariant] = [
    Invariant(
        "payments-disputes-fit",
        "a dispute has the merchant, mode, gateway and currency of its payment, and is over no more"
        " than that captured",
        """
        SELECT d.id, d.payment_id, d.amount FROM payments_dispute d
        JOIN payments_payment p ON p.id = d.payment_id
        WHERE (d.merchant_id, d.mode, d.gateway, d.currency)
              <> (p.merchant_id, p.mode, p.gateway, p.currency) OR d.amount > p.amount_captured
        """,
    ),
    Invariant(
        "payments-dispute-is-its-facts",
        "a dispute stands where all that was said of it leads",
        """
        SELECT d.id, d.status, array_agg(DISTINCT f.said) AS said FROM payments_dispute d
        LEFT JOIN payments_disputefact f ON f.dispute_id = d.id
        GROUP BY d.id HAVING count(f.id) = 0 OR d.status <> CASE
            WHEN bool_or(f.said = 'lost') THEN 'LOST' WHEN bool_or(f.said = 'won') THEN 'WON'
            ELSE 'OPEN' END
        """,
    ),
    Invariant(
        "payments-dispute-facts-fit",
        "what counts of a dispute names its amount and currency, and no other fee than it has",
        """
        SELECT f.id, f.dispute_id, f.amount, f.currency, f.fee FROM payments_disputefact f
        JOIN payments_dispute d ON d.id = f.dispute_id
        WHERE (f.amount, f.currency) <> (d.amount, d.currency)
           OR f.fee IS NOT NULL AND f.fee IS DISTINCT FROM d.fee
        """,
    ),
    Invariant(
        "payments-disputes-as-booked",
        "a dispute is booked as opened, as decided, and with its fee: exactly that, once",
        f"""
        WITH {_LEGS}
        (TABLE expected EXCEPT ALL TABLE booked) UNION ALL (TABLE booked EXCEPT ALL TABLE expected)
        """,
    ),
    Invariant(
        "payments-held-for-open-disputes",
        "what merchants cannot have, and gateways took, is the sum of the open disputes",
        """
        WITH held AS (
            SELECT a.code, a.owner, a.mode, a.currency,
                   sum(CASE WHEN (a.id = t.debit_account_id) = (a.code = 'disputes_receivable')
                            THEN t.amount ELSE -t.amount END) AS amount
            FROM ledger_account a
            JOIN ledger_transfer t ON a.id IN (t.debit_account_id, t.credit_account_id)
            WHERE a.code IN ('disputes_receivable', 'dispute_hold')
            GROUP BY a.code, a.owner, a.mode, a.currency
        ), disputed AS (
            SELECT side.code, CASE side.code WHEN 'dispute_hold' THEN d.merchant_id::text
                              ELSE d.gateway END AS owner, d.mode, d.currency,
                   sum(d.amount) AS amount
            FROM payments_dispute d
            CROSS JOIN (VALUES ('dispute_hold'), ('disputes_receivable')) AS side (code)
            WHERE d.status = 'OPEN' GROUP BY 1, 2, 3, 4
        )
        SELECT code, owner, mode, currency, held.amount AS held, disputed.amount AS disputed
        FROM held FULL JOIN disputed USING (code, owner, mode, currency)
        WHERE coalesce(held.amount, 0) <> coalesce(disputed.amount, 0)
        """,
    ),
    Invariant(
        "payments-disputes-changed-in-one-transaction",
        "a dispute, or a step of it, its booking, its event and what was said have one writer",
        """
        WITH steps AS (
            SELECT id AS dispute, 'opened' AS fact, 1 AS version, xid FROM payments_dispute
            UNION ALL
            SELECT dispute_id, lower(after), version, xid FROM payments_statuschange
            WHERE dispute_id IS NOT NULL
        )
        SELECT s.dispute, s.fact, s.xid, x.xid AS booking, e.xid AS event FROM steps s
        LEFT JOIN ledger_transaction x
            ON x.source_id = s.dispute AND x.kind = 'dispute.' || s.fact
        LEFT JOIN payments_event e ON e.aggregateid = s.dispute AND e.version = s.version
            AND e.type = 'dispute.' || s.fact
        WHERE (s.xid, s.xid) IS DISTINCT FROM (x.xid, e.xid) OR s.xid IS NULL
           OR NOT EXISTS (SELECT 1 FROM payments_disputefact f
                          WHERE f.dispute_id = s.dispute AND f.xid = s.xid)
        """,
    ),
]
