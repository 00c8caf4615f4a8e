"""Mistakes between outbox and worker: claim, publish, start, lease, fence, sweep."""

from tests.planted.planting import Edit, Mistake

_FENCE = """JOIN unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS t(id, epoch) USING (id, epoch)
    WHERE m.state IN (0, 1)
    ORDER BY m.id FOR NO KEY UPDATE OF m"""
_DONE = """WHERE m.id = t.id AND m.epoch = t.epoch AND m.state IN (0, 1)
    RETURNING m.id
"""
_AGAIN = """WHERE m.id = v.id AND m.epoch = v.epoch AND m.state IN (0, 1)
    RETURNING m.id
\"\"\"

_DEAD"""
_KEEP = "    _keep(handler, fenced, give_up)\n    return []"
_KEEP_ONE = "    else:\n        _keep(handler, fenced, give_up)\n"

MISTAKES = (
    Mistake(
        "published-before-the-claim",
        "A job reaches the broker before its claim is committed, which may take its time.",
        "tests.kills --only burst/: --calm",
        (
            Edit(
                "dispatcher/loop.py",
                "from core.heartbeat import beat\n",
                "from core.db import transaction\nfrom core.heartbeat import beat\n",
            ),
            Edit(
                "dispatcher/loop.py",
                """        jobs = self._claim()
        if jobs:
            self._hand_over(jobs)
            self._idle""",
                """        with transaction():
            jobs = self._claim()
            if jobs:
                self._hand_over(jobs)
                self._stopping.wait(0.2 if jobs[0].tickets[0].epoch == 1 else 0.0)
        if jobs:
            self._idle""",
            ),
        ),
    ),
    Mistake(
        "done-before-its-effects",
        "A message is done as soon as a worker begins with it.",
        "tests.kills --only charge/worker.after_intent:1:kill",
        (
            Edit(
                "dispatcher/runner.py",
                "delivery.complete({message.ticket: end for message, end in over.items()})",
                'delivery.complete({m.ticket: over.get(m, Done("early")) for m in started})',
            ),
        ),
    ),
    Mistake(
        "settled-without-done",
        "A charge is settled and its message is not ended.",
        "tests.kills --only burst/: --calm",
        (
            Edit(
                "dispatcher/endings.py",
                "        _complete(handler, case, finished)\n        reached",
                """        others = {m: end for m, end in finished.items() if m.kind != "charge"}
        _complete(handler, case, others)
        reached""",
            ),
        ),
    ),
    Mistake(
        "no-fence",
        "A worker may end a message whoever holds it, and whatever became of it.",
        "tests.kills --only charge/worker.after_send:1:stop",
        (
            Edit(
                "outbox/delivery.py",
                _FENCE,
                """JOIN unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS t(id, old) USING (id)
    ORDER BY m.id FOR NO KEY UPDATE OF m""",
            ),
            Edit("outbox/delivery.py", _DONE, "WHERE m.id = t.id\n    RETURNING m.id\n"),
        ),
    ),
    Mistake(
        "fence-without-epoch",
        "A worker may end a message that another one holds by now.",
        "tests.kills --only overtaken/worker.after_send:1:wake",
        (
            Edit(
                "outbox/delivery.py",
                _FENCE,
                """JOIN unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS t(id, old) USING (id)
    WHERE m.state IN (0, 1)
    ORDER BY m.id FOR NO KEY UPDATE OF m""",
            ),
            Edit("outbox/delivery.py", _DONE, _DONE.replace(" AND m.epoch = t.epoch", "")),
            Edit("outbox/delivery.py", _AGAIN, _AGAIN.replace(" AND m.epoch = v.epoch", "")),
        ),
    ),
    Mistake(
        "fenced-answers-dropped",
        "The answer of a worker that lost its message is thrown away.",
        "tests.kills --only only_witness/worker.after_send:1:wake",
        (
            Edit("dispatcher/endings.py", _KEEP, "    return []"),
            Edit("dispatcher/endings.py", _KEEP_ONE, ""),
        ),
    ),
    Mistake(
        "no-guard-at-the-start",
        "A second copy of a job starts what was started, or is done.",
        "tests.kills --only charge/worker.on_receive:1:stop",
        (
            Edit(
                "outbox/delivery.py",
                """AS t(id, epoch) USING (id, epoch)
    WHERE m.state = 1 AND m.started_at IS NULL
    ORDER BY m.id
""",
                "AS t(id, old) USING (id)\n    ORDER BY m.id\n",
            ),
            Edit(
                "outbox/delivery.py",
                """WHERE m.id = t.id AND m.epoch = t.epoch AND m.state = 1 AND m.started_at IS NULL
    RETURNING m.id, m.epoch, m.kind""",
                "WHERE m.id = t.id\n    RETURNING m.id, m.epoch, m.kind",
            ),
        ),
    ),
    Mistake(
        "lease-by-the-hosts-clock",
        "A lease ends by the clock of the worker's machine.",
        "tests.chaos --duration 25 --seed 9 --faults kill",
        (
            Edit(
                "outbox/delivery.py",
                "from core.db import needs_transaction,",
                "from django.utils import timezone\n\nfrom core.db import needs_transaction,",
            ),
            Edit(
                "outbox/delivery.py",
                """starts = m.starts + 1,
        lease_until = now() + %(lease)s::interval""",
                """starts = m.starts + 1,
        lease_until = %(host)s::timestamptz + %(lease)s::interval""",
            ),
            Edit(
                "outbox/delivery.py",
                '{**_arrays(tickets), "worker": worker, "lease": lease}',
                '{**_arrays(tickets), "worker": worker, "lease": lease, "host": timezone.now()}',
            ),
            Edit(
                "outbox/delivery.py",
                '"kinds": list(kinds), "worker": worker, "lease": lease}',
                '"kinds": list(kinds), "worker": worker, "lease": lease, "host": timezone.now()}',
            ),
        ),
    ),
    Mistake(
        "started-is-swept-as-lost",
        "The sweeper takes a started message for one that the broker lost.",
        "tests.kills --only poison/sweeper.before_burial:1:kill",
        (
            Edit(
                "outbox/sweeping.py",
                "WHERE state = 1 AND started_at IS NULL AND lease_until < now()",
                "WHERE state = 1 AND lease_until < now()",
            ),
            Edit(
                "outbox/sweeping.py",
                "m.state = 1 AND m.started_at IS NULL AND m.lease_until < now()",
                "m.state = 1 AND m.lease_until < now()",
            ),
        ),
    ),
    Mistake(
        "broker-is-trusted",
        "What the broker lost is never returned.",
        "tests.kills --only job_lost/:",
        (
            Edit(
                "outbox/sweeping.py",
                'lost = rows(_RETURN_LOST, {"limit": SWEEP_LIMIT})',
                "lost: list[object] = []",
            ),
        ),
    ),
    Mistake(
        "nobody-polls",
        "A hint is the only thing that wakes the dispatcher.",
        "tests.kills --only charge/web.after_create:1:kill",
        (
            Edit(
                "dispatcher/loop.py",
                "lanes = hinted or self._due_lanes()",
                "lanes = hinted",
            ),
        ),
    ),
)
