"""Mistakes in what merchants are told: numbers, deliveries, bodies."""

from tests.planted.planting import Edit, Mistake

_NUMBERER = "dispatcher/numbering.py"
_BELOW = "xid < pg_snapshot_xmin(pg_current_snapshot())\n"
_GUARDS = "payments/migrations/0011_event_numbers.py"

MISTAKES = (
    Mistake(
        "numbered-past-the-running",
        "Numbers go up to the newest event that is seen, and no trigger minds.",
        "tests.kills --only slow_commit/:",
        (
            Edit("payments/numbering.py", f"          AND e.{_BELOW}", ""),
            Edit(_GUARDS, f"            AND NEW.{_BELOW}", ""),
            Edit(_GUARDS, " OR e.xid >= pg_snapshot_xmin(pg_current_snapshot())\n", "\n"),
        ),
    ),
    Mistake(
        "fanned-out-after-the-commit",
        "Deliveries are staged when their events' numbers are committed.",
        "tests.kills --only told/numbering.after_commit:1:kill",
        (
            Edit(
                _NUMBERER,
                """            for fan_out in self._fan_out if batch.numbered else ():
                fan_out(batch.numbered)
            reached("numbering.uncommitted")
        reached("numbering.after_commit")
""",
                """            reached("numbering.uncommitted")
        reached("numbering.after_commit")
        with transaction():
            for fan_out in self._fan_out if batch.numbered else ():
                fan_out(batch.numbered)
""",
            ),
        ),
    ),
    Mistake(
        "a-body-for-each-try",
        "What a merchant is sent says when it was sent, so that no two tries are the same.",
        "tests.kills --only told/sender.after_send:1:kill",
        (
            Edit(
                "webhooks/delivering.py",
                "        body=delivery.body.content.encode(),\n",
                '        body=f\'{delivery.body.content[:-1]},"at":"{case.now}"}}\'.encode(),\n',
            ),
        ),
    ),
)
