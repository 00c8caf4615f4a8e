"""Mistakes in the books: what is held, summed up, and booked once."""

from tests.planted.planting import Edit, Mistake

MISTAKES = (
    Mistake(
        "room-not-held",
        "A refund that is asked for takes no room from the next one.",
        "tests.kills --only refunds/:",
        (
            Edit(
                "payments/refunding.py",
                """    payment.amount_refund_held += refund.amount
    changes.touch(payment)
""",
                "",
            ),
        ),
    ),
    Mistake(
        "expectation-stays",
        "A capture leaves standing what was only expected.",
        "tests.kills --only charge/:",
        (
            Edit(
                "payments/bookkeeping.py",
                "return _posting(CAPTURED, payment.id, payment, legs, resolves=expected)",
                "return _posting(CAPTURED, payment.id, payment, legs)",
            ),
        ),
    ),
    Mistake(
        "highest-id-as-mark",
        "The roll-up goes up to the highest transaction id that it sees, and no trigger minds.",
        "tests.kills --only slow_commit/:",
        (
            Edit(
                "ledger/rollup.py",
                "          AND h.xid < pg_snapshot_xmin(pg_current_snapshot())\n",
                "",
            ),
            Edit(
                "ledger/migrations/0004_snapshots.py",
                " AND NEW.upto < pg_snapshot_xmin(pg_current_snapshot())\n",
                "\n",
            ),
        ),
    ),
    Mistake(
        "booked-before-whatever-it-was",
        "A reference that was booked before is taken for the same booking, unseen; and the refunds"
        " of a payment share one.",
        "tests.kills --only refunds/:",
        (
            Edit(
                "payments/bookkeeping.py",
                "return _posting(REFUND_ASKED, refund.id, payment, [leg])",
                "return _posting(REFUND_ASKED, payment.id, payment, [leg])",
            ),
            Edit(
                "ledger/books.py",
                "if header != asked or _booked_legs(posting.id) != _asked_legs(posting):",
                "if header != asked:",
            ),
        ),
    ),
    Mistake(
        "second-capture-ignored",
        "Money that the provider took twice is not booked.",
        "tests.kills --only second_capture/:",
        (
            Edit(
                "payments/outcomes.py",
                """    if verdict.meaning is Meaning.SUCCEEDED:
        _book_surplus(case, changes, verdict)
""",
                "",
            ),
        ),
    ),
    Mistake(
        "dashboard-refund-twice",
        "A refund made at the provider's page is a new one each time that it is told.",
        "tests.kills --only refunded_by_hand/:",
        (
            Edit(
                "payments/placing.py",
                "bool(provider_id) and provider_id in self._known[operation.id].provider_ids",
                "False",
            ),
            Edit("payments/unasked.py", "        unasked_id=notice.provider_id,\n", ""),
        ),
    ),
)
