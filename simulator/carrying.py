"""Carries a request out: one transaction for the key, the effect, the webhooks and the record.

So a kill at any moment leaves either all of it or nothing, and nobody was answered before.
"""

import json
import sqlite3
import time
from dataclasses import dataclass

from simulator import answers, calls, money, objects, outages, plans
from simulator.answers import Answer
from simulator.orders import Order, Refused
from simulator.plans import Plan
from simulator.store import Store, now

DEEDS = {
    "charge": money.charge,
    "capture": money.capture,
    "void": money.void,
    "refund": money.refund,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where requests are carried out. Without a lifetime, keys are ignored."""

    store: Store
    key_lifetime_seconds: float | None
    slow_seconds: float

    def carry_out(self, order: Order) -> Answer:
        """Return the answer to a request; its effect is on disk by then."""
        answer = self._once(order)
        if answer.met == "slow" and not answer.status:
            # The client gives up meanwhile, and it happens all the same.
            time.sleep(self.slow_seconds)
            answer = self._once(order, is_late=True)
        return answer

    def _once(self, order: Order, *, is_late: bool = False) -> Answer:
        with self.store.writing() as db:
            at = now(db)
            money.settle_due(db, at)
            answer, plan = self._answer(db, order, at, is_late=is_late)
            calls.record(
                db,
                answer,
                at,
                kind=order.kind,
                reference=order.reference,
                key=order.key,
                body_sha256=order.body_sha256,
                faults=plan.faults,
            )
        return answer

    def _answer(
        self, db: sqlite3.Connection, order: Order, at: float, *, is_late: bool
    ) -> tuple[Answer, Plan]:
        if silence := outages.silence(db, at):
            return outages.answer(silence), Plan("", 0)
        asked_for = order.simulate
        if not asked_for and order.kind != "charge":
            asked_for = money.faults_asked_with_charge(db, order)
        plan = plans.next_call(db, order.kind, order.reference, asked_for)
        if plan.before and not is_late:
            return answers.trouble(plan.before), plan
        kept = self._kept(db, order, at)
        answer = kept or self._deed(db, order, plan, at)
        return (answers.spoiled(answer, plan.after) if plan.after else answer), plan

    def _deed(self, db: sqlite3.Connection, order: Order, plan: Plan, at: float) -> Answer:
        try:
            row = DEEDS[order.kind](db, order, plan.script, at)
        except Refused as refused:
            answer = answers.error(refused.status, refused.code, str(refused))
        else:
            kind = "refund" if order.kind == "refund" else "charge"
            answer = Answer(201, objects.shown(db, kind, row), object_id=row["id"])
        if order.key and self.key_lifetime_seconds is not None:
            db.execute(
                "INSERT INTO sim_key (key, request, status, body, object, at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (order.key, order.request, answer.status, answer.text, answer.object_id, at),
            )
        return answer

    def _kept(self, db: sqlite3.Connection, order: Order, at: float) -> Answer | None:
        if not order.key or self.key_lifetime_seconds is None:
            return None
        oldest = at - self.key_lifetime_seconds
        db.execute("DELETE FROM sim_key WHERE key = ? AND at < ?", (order.key, oldest))
        row = db.execute("SELECT * FROM sim_key WHERE key = ?", (order.key,)).fetchone()
        if row is None:
            return None
        if row["request"] != order.request:
            return answers.error(409, "key_reused", "this key belongs to another request")
        headers = {"Idempotent-Replayed": "true"}
        return Answer(row["status"], json.loads(row["body"]), headers, object_id=row["object"])
