"""Tells one story: what merchants ask, what the provider is made to do, what an operator does."""

import json
import sqlite3
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import requests

from simulator import postman
from tests.crash.merchants import Merchants
from tests.kills.desk import Desk
from tests.kills.ground import API_KEY, CONTROL_TOKEN, WEBHOOK_ADDRESS, WEBHOOK_SECRET
from tests.kills.place import Place
from tests.outside.journal import Journal
from tests.webhooks.sinks import bodies

REACHED_SECONDS = 25
# A refusal is kept under its key, and how a payment stands changes.
ASKED_MAX = 60
SUCCESS, FAILED, REFUNDED = "SUCCESS", "FAILED", "REFUNDED"
CANCELED = "CANCELED"

# What is not over, and is nobody's but ours: a person may take an hour.
UNSETTLED = """
    SELECT 'message', m.id::text, m.kind, m.state::text FROM outbox_message m
    LEFT JOIN payments_operation o ON o.id = m.subject_id
    LEFT JOIN payments_payment p ON p.id = o.payment_id
    WHERE m.state = 1 OR m.state IN (0, 2) AND (
        m.available_at < now() + interval '20 s' AND m.state = 0
        OR NOT coalesce(p.needs_review, false)
            AND NOT EXISTS (SELECT 1 FROM payments_seen s WHERE s.operation_id = o.id))
    UNION ALL
    SELECT 'operation', o.id::text, o.kind, o.state FROM payments_operation o
    JOIN payments_payment p ON p.id = o.payment_id
    WHERE o.recheck_at < now() + interval '20 s' OR o.state = 'open' AND NOT p.needs_review
        AND NOT EXISTS (SELECT 1 FROM payments_seen s WHERE s.operation_id = o.id)
"""
_REVIEWED = """
    SELECT m.id::text FROM outbox_message m
    JOIN payments_operation o ON o.id = m.subject_id
    JOIN payments_payment p ON p.id = o.payment_id
    WHERE p.needs_review AND o.state = 'open' AND m.state = 0
"""
_ALL_NUMBERED = """
    SELECT 1 WHERE NOT EXISTS (
        SELECT 1 FROM payments_event e
        WHERE NOT EXISTS (SELECT 1 FROM payments_eventnumber n WHERE n.event_id = e.id))
"""
_TO_COME = """
    SELECT 1 FROM sim_letter, (SELECT coalesce(max(CAST(value AS REAL)), 0) AS offset
                               FROM sim_setting WHERE name = 'clock_offset_seconds')
    WHERE delivered_at IS NULL AND given_up_at IS NULL AND due_at < :now + offset + 30
    UNION ALL
    SELECT 1 FROM sim_charge, (SELECT coalesce(max(CAST(value AS REAL)), 0) AS offset
                               FROM sim_setting WHERE name = 'clock_offset_seconds')
    WHERE sim_charge.due_at < :now + offset + 30
    UNION ALL
    SELECT 1 FROM sim_dispute WHERE due_at IS NOT NULL
"""


class Teller:
    """The hands of a story."""

    def __init__(self, place: Place, journal: Journal) -> None:
        self.place = place
        self.merchants = Merchants(place, journal)
        self.desk = Desk(place)
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.ends: dict[str, Collection[str]] = {}

    def pay(
        self, faults: str = "success", *, key: str = "", ends: Any = SUCCESS, **more: Any
    ) -> str:
        """Create a payment, and say how it has to end; return its id."""
        body = {
            "amount": 1000,
            "currency": "INR",
            "gateway": "simulator",
            "payment_method": f"sim_{faults}",
            **more,
        }
        key = key or f"pay-{len(self.asked)}"
        self.asked.append(("/api/payments/", key, body))
        payment = self.merchants._insist("/api/payments/", key, body)
        self.ends[payment] = {ends} if isinstance(ends, str) else ends
        return payment

    def refund(self, payment: str, amount: int | None, reason: str = "") -> str:
        """Refund a part of a payment, or the rest of it; return the refund's id."""
        path, key = f"/api/payments/{payment}/refund/", f"refund-{len(self.asked)}"
        body = {"amount": amount, "reason": reason}
        body = {name: value for name, value in body.items() if value}
        self.asked.append((path, key, body))
        return self.merchants._insist(path, key, body)

    def hold(self, faults: str = "success", *, ends: str) -> str:
        """Create a payment whose money is held first."""
        payment = self.pay(faults, ends=ends, capture_method="manual")
        self.until_status(payment, "AUTHORIZED")
        return payment

    def change(self, payment: str, what: str, **asked: Any) -> None:
        """Capture or cancel a payment, until that is accepted, or done."""
        for number in range(ASKED_MAX):
            key = f"{what}-{number}-{payment}"
            if self.merchants._accepted(f"/api/payments/{payment}/{what}/", key, asked):
                return
            if self.status_of(payment) in self.ends[payment]:
                return
            time.sleep(0.2)
        message = f"{what} was refused {ASKED_MAX} times"
        raise AssertionError(message)

    def pay_all(self, keys: list[str]) -> None:
        """Create payments side by side."""
        with ThreadPoolExecutor(len(keys)) as pool:
            list(pool.map(lambda key: self.pay(key=key), keys))

    def ask_again(self) -> None:
        """Ask everything once more: the journal tells whether the answers are the same."""
        for path, key, body in self.asked:
            self.merchants._insist(path, key, body)

    def until(self, what: str, sql: str, *params: Any) -> Any:
        """Wait until the database finds something; return its first row."""
        return self.place.until(what, lambda: self.place.rows(sql, *params), REACHED_SECONDS)[0]

    def until_status(self, payment: str, *statuses: str) -> None:
        """Wait until a payment stands like this."""
        sql = "SELECT status FROM payments_payment WHERE id = %s AND status = ANY(%s)"
        self.until(f"{statuses}", sql, payment, list(statuses))

    def until_refunded(self, payment: str, amount: int) -> None:
        """Wait until so much of a payment went back."""
        sql = "SELECT 1 FROM payments_payment WHERE id = %s AND amount_refunded = %s"
        self.until(f"{amount} to be refunded", sql, payment, amount)

    def until_pruned(self) -> None:
        """Wait until no message is left."""
        sql = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox_message)"
        self.until("all messages to be pruned", sql)

    def until_waiting(self, payment: str) -> str:
        """Wait until the payment's message waits for its time, or all is over; return its id."""
        sql = """
            SELECT m.id::text, m.available_at > now() + interval '0.3 s' FROM outbox_message m
            JOIN payments_operation o ON o.id = m.subject_id
            WHERE o.payment_id = %s AND (m.state = 8 OR m.state = 0 AND NOT m.alone
                AND m.starts > 0 AND m.available_at > now() + interval '0.3 s')
        """
        message, is_waiting = self.until("a message that waits", sql, payment)
        return str(message) if is_waiting else ""

    def until_settled(self) -> None:
        """Wait until nothing is left to do without a person."""
        self.place.until("everything to settle", self._is_settled, REACHED_SECONDS)

    def look_into_reviews(self) -> None:
        """Have the provider asked about all that waits for a person, as that person would."""
        for (message,) in self.place.rows(_REVIEWED):
            self.desk.act(f"outbox/message/{message}", "Inquire")

    def _is_settled(self) -> bool:
        # The provider first: what it has yet to say may undo what we have settled.
        return not self.ask_provider(_TO_COME, now=time.time()) and not self.place.rows(UNSETTLED)

    def endpoint(self) -> str:
        """Make a webhook endpoint of the merchant's, and return its secret, whoever dies."""
        path, body = "/api/webhook-endpoints/", {"url": self.place.sink.sink.url}
        made = self._post_once(path, "endpoint", body)
        number = 0
        while made["secret"] is None:  # it was made, and the one answer that showed it is lost
            number += 1
            path = f"/api/webhook-endpoints/{made['id']}/rotate/"
            made = self._post_once(path, f"rotate-{number}", {"overlap_hours": 0})
        return str(made["secret"])

    def _post_once(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"X-API-KEY": "test_api_key", "Idempotency-Key": key}
        while True:
            with suppress(requests.RequestException):
                answer = requests.post(self.place.url(path), json=body, headers=headers, timeout=10)
                if answer.status_code == requests.codes.created:
                    made: dict[str, Any] = answer.json()
                    return made
            time.sleep(0.05)

    def until_told(self, secret: str) -> None:
        """Wait until every event was taken by the merchant, and look at what it was sent."""
        self.until_settled()
        self.until("every event to have its number", _ALL_NUMBERED)
        self.until_settled()
        came = self.place.sink.sink.came
        for one in came:
            one.verified_with(secret)
        changed = [event for event, bytes_ in bodies(came).items() if len(bytes_) > 1]
        assert not changed, f"{len(changed)} events came in different bytes"
        told = {json.loads(one.body)["number"] for one in came}
        numbers = {number for (number,) in self.place.rows("SELECT number FROM webhooks_body")}
        expected = {n for (n,) in self.place.rows("SELECT number FROM payments_eventnumber")}
        assert told == numbers == expected, (
            f"{len(told)} events were told, {len(numbers)} staged, {len(expected)} numbered"
        )

    def ask_provider(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        """Ask the provider's file."""
        with closing(sqlite3.connect(self.place.simulator_db, timeout=10)) as db:
            return db.execute(sql, params).fetchall()

    def control(self, command: str, **content: Any) -> dict[str, Any]:
        """Give the provider a command; return its answer."""
        answer = requests.post(
            f"{self.place.simulator_url}/control/{command}",
            json=content,
            headers={"Authorization": f"Bearer {CONTROL_TOKEN}"},
            timeout=5,
        )
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def charge_of(self, payment: str) -> str:
        """Return the reference by which the provider knows a payment's charge."""
        sql = "SELECT id::text FROM payments_operation WHERE payment_id = %s AND kind = 'charge'"
        return str(self.place.value(sql, payment))

    def replay_webhook(self, unsigned: Mapping[str, str]) -> None:
        """Send the first webhook that was delivered again, as it was signed, until it is taken."""
        delivered = "SELECT body FROM sim_letter WHERE delivered_at IS NOT NULL ORDER BY seq"
        found = self.place.until("a webhook", lambda: self.ask_provider(delivered), REACHED_SECONDS)
        body = str(found[0][0]).encode()
        headers = {"Content-Type": "application/json", **unsigned}
        headers[postman.HEADER] = postman.signed(WEBHOOK_SECRET, body, time.time())
        address = self.place.url(WEBHOOK_ADDRESS)

        def is_taken() -> bool:
            with suppress(requests.RequestException):
                return requests.post(address, data=body, headers=headers, timeout=5).ok
            return False

        self.place.until("the webhook to be taken", is_taken, REACHED_SECONDS)

    def until_frozen(self) -> None:
        """Wait until somebody froze."""
        self.place.until("somebody to freeze", self.place.frozen, REACHED_SECONDS)

    def thaw(self) -> None:
        """Let everybody go on who froze."""
        self.place.thaw(self.place.frozen())

    def approve(self, payment: str, deed: str = "approve") -> None:
        """Do at the provider's page what a payer does there."""
        sql = "SELECT next_action_url FROM payments_payment WHERE id = %s"
        address = self.place.value(sql, payment)
        answer = requests.post(address, {"deed": deed}, timeout=5, allow_redirects=False)
        assert answer.ok, answer.text

    def come_back(self, payment: str) -> None:
        """Come back from the provider's page, however often that takes."""

        def is_answered() -> bool:
            with suppress(requests.RequestException):
                address = self.place.url(f"/return/{payment}/")
                return requests.get(address, timeout=5, allow_redirects=False).ok
            return False

        self.place.until("the payer to be answered", is_answered, REACHED_SECONDS)

    def charge_of_a_stranger(self, payment_method: str) -> None:
        """Have the provider charge for somebody else, and tell us of it."""
        body = {"reference": "a stranger", "amount": 5, "currency": "INR",
                "payment_method": payment_method}  # fmt: skip
        headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "s"}
        address = f"{self.place.simulator_url}/v1/charges"
        requests.post(address, json=body, headers=headers, timeout=5)

    def until_killed(self) -> None:
        """Wait until somebody died at a kill point."""
        self.place.until("a death", lambda: "kill" in {hit[2] for hit in self.place.trace()}, 20)

    def status_of(self, payment: str) -> str:
        """Return how a payment stands."""
        sql = "SELECT status FROM payments_payment WHERE id = %s"
        return str(self.place.value(sql, payment))
