"""Arranging payments: merchants who call the API, and a worker without its processes."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from time import monotonic, sleep, time
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.client import ClientHandler

from core.auth import key_digest
from core.db import rows
from core.models import ApiKey, Merchant
from dispatcher import endings, runner
from dispatcher.loop import NO_FLOOR
from dispatcher.routes import ROUTES
from dispatcher.runner import Run
from gateways import registry, signatures
from gateways.base import Notice
from gateways.disputes import DisputeNotice
from gateways.mocks import webhook
from outbox import delivery, leasing
from outbox.handling import Started
from outbox.leasing import Job
from payments.asking import Heard, Question
from payments.facts import Said
from payments.handlers import OperationHandler
from payments.models import Operation, Payment
from tests.conftest import Database
from tests.gateways.mocking import body_of
from tests.gateways.reciting import Reciting

JSON = "application/json"
PAYMENTS = "/api/payments/"
WORKER = "host:1"
# An HttpResponse with what Django's client adds to it.
Answer = Any
# Long enough for a loaded machine; a test that needs it has failed.
PATIENCE_SECONDS = 10.0


@lru_cache(maxsize=1)
def _handler() -> ClientHandler:
    handler = ClientHandler(enforce_csrf_checks=True)
    with warnings.catch_warnings():
        # No static files are collected for tests.
        warnings.simplefilter("ignore", UserWarning)
        handler.load_middleware()
    return handler


def a_client() -> Client:
    """Return a client for one request; any thread may use one of its own."""
    client = Client()
    client.handler = _handler()
    return client


@dataclass(frozen=True)
class Shop:
    """A merchant, by one of its keys."""

    merchant: Merchant
    api_key: ApiKey
    secret: str

    def post(
        self, path: str, body: Any = None, *, content_type: str = JSON, **headers: str
    ) -> Answer:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body)
        sent = {"X-API-KEY": self.secret, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return a_client().generic("POST", path, data, content_type=content_type, headers=sent)

    def get(self, path: str, **query: str) -> Answer:
        return a_client().get(path, query, headers={"X-API-KEY": self.secret})

    def pay(
        self, amount: Any = 1_000, currency: Any = "INR", *, key: str = "", **asked: Any
    ) -> Answer:
        body = {"amount": amount, "currency": currency, **asked}
        return self.post(PAYMENTS, body, Idempotency_Key=key or str(uuid4()))

    def refund(self, payment: Payment, *, key: str = "", **asked: Any) -> Answer:
        headers = {"Idempotency_Key": key} if key else {}
        return self.post(f"{PAYMENTS}{payment.id}/refund/", asked or None, **headers)

    def accepted(self, amount: int = 1_000, currency: str = "INR", **asked: Any) -> Payment:
        """Create a payment; nobody has charged it yet."""
        answer = self.pay(amount, currency, **asked)
        assert answer.status_code == 201, answer.content
        return Payment.objects.get(id=answer.json()["id"])

    def sold(self, amount: int = 1_000, currency: str = "INR", **asked: Any) -> Payment:
        """Create a payment and charge it."""
        payment = self.accepted(amount, currency, **asked)
        drain()
        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        return payment


def a_shop(
    *, mode: str = "test", scopes: tuple[str, ...] = ("*",), merchant: Merchant | None = None
) -> Shop:
    """Make a merchant, unless one is given, and a key of it."""
    merchant = merchant or Merchant.objects.create(name="Shop", default_gateway="mock_success")
    secret = f"mk_{mode}_{uuid4().hex}"
    key = ApiKey.objects.create(
        merchant=merchant,
        mode=mode,
        secret_sha256=key_digest(secret),
        last_four=secret[-4:],
        scopes=list(scopes),
    )
    return Shop(merchant, key, secret)


def problem(response: Answer) -> tuple[int, str]:
    """Return the status and slug of a refusal, which has the form of one."""
    assert response["Content-Type"] == "application/problem+json", response.content
    members = json.loads(response.content)
    assert members["status"] == response.status_code
    return response.status_code, members["type"].rpartition("/problems/")[2]


def claim_all(*, lease_seconds: float = 10) -> list[Job]:
    """Claim every due message, as the dispatcher does."""
    lease = timedelta(seconds=lease_seconds)
    # In a test's one long transaction `now()` stands still.
    rows(
        "UPDATE outbox_message SET available_at = now()"
        " WHERE state = 0 AND available_at BETWEEN now() AND clock_timestamp()"
    )
    jobs = [
        job
        for lane in leasing.all_lanes()
        for job in leasing.claim(lane, limit=500, size=50, lease=lease, floor=NO_FLOOR)[0]
    ]
    alone = leasing.claim_alone(lease)
    return [*jobs, alone] if alone else jobs


def run_due(worker: str = WORKER) -> int:
    """Run every due message once, as a worker does; return how many jobs that took."""
    jobs = claim_all()
    for job in jobs:
        runner.run(job.lane, job.tickets, worker)
    return len(jobs)


def drain(rounds: int = 10) -> None:
    """Run messages until none is due."""
    for _ in range(rounds):
        if not run_due():
            return
    pytest.fail("there is always more to do")


def hurry() -> None:
    """Make every waiting message due."""
    rows("UPDATE outbox_message SET available_at = now() WHERE state = 0")


def messages(subject_id: UUID, *columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the messages about a subject, oldest first."""
    sql = f"SELECT {', '.join(columns)} FROM outbox_message WHERE subject_id = %s ORDER BY id"
    return rows(sql, [subject_id])


def charge_of(payment: Payment) -> Operation:
    return Operation.objects.get(payment=payment, kind="charge")


def reciting(
    override: Any, *answers: Any, name: str = "mock_success", **capabilities: Any
) -> Reciting:
    """Have this gateway give these answers, the last one for ever."""
    options = {"answers": list(answers), **capabilities}
    entry = {"class": "tests.money.Provider", "options": options}
    override.GATEWAYS = {**override.GATEWAYS, name: entry}
    gateway = registry.get(name)
    assert isinstance(gateway, Reciting)
    return gateway


class Provider(Reciting):
    """A provider that says what it is told to, and signs its webhooks as the mocks do."""

    def read_webhook(self, headers: Any, body: bytes, now: float) -> Notice | DisputeNotice:
        return webhook.read(headers, body, secrets=settings.MOCK_WEBHOOK_SECRETS, now=now)


def told(
    payment: Payment,
    kind: str,
    *,
    reference: UUID | str | None = None,
    secret: str = "",
    **changed: Any,
) -> Answer:
    """Have the provider of this payment send a webhook about it, or about a refund of it."""
    body = body_of(
        payment.id if reference is None else reference,
        **{"id": f"evt_{uuid4()}", "type": kind, "amount": payment.amount,
           "currency": payment.currency, **changed},
    )  # fmt: skip
    return deliver(payment.gateway, body, secret=secret)


def deliver(gateway: str, body: bytes, *, secret: str = "", at: float | None = None) -> Answer:
    """Deliver a webhook, signed."""
    secret = secret or settings.MOCK_WEBHOOK_SECRETS[0]
    signature = signatures.sign(secret, body, time() if at is None else at)
    return a_client().post(
        f"/api/webhooks/{gateway}/", body, content_type=JSON, headers={webhook.HEADER: signature}
    )


def begin(payment: Payment, *, worker: str = WORKER) -> tuple[Started, Question]:
    """Claim and prepare the one due message of a payment's charge, and stop before the call."""
    (job,) = [job for job in claim_all() if job.lane.endswith(payment.gateway)]
    found = delivery.peek(job.tickets)
    run = Run(OperationHandler(), worker, job.lane)
    by_id = {ticket.id: ticket for ticket in job.tickets}
    calls = run._prepared([(by_id[message_id], subject) for message_id, _, subject in found])
    ((message, plan, _),) = calls
    return message, plan.request


def finish(message: Started, said: Said, question: Question, **heard: Any) -> None:
    """Settle a message with what was heard."""
    answer = Heard(question.attempt_id, said, **heard)
    endings.settle(ROUTES[message.kind], [(message, answer)], monotonic() + 20)


def took(payment: Payment, provider_id: str = "ch_1") -> dict[str, Any]:
    """Return the members of an answer that says the money moved."""
    return {"provider_id": provider_id, "amount": payment.amount, "currency": payment.currency}


def counted(counter: Any) -> float:
    """Return how often something was counted, whatever its labels."""
    samples = [sample for family in counter.collect() for sample in family.samples]
    return float(sum(one.value for one in samples if one.name.endswith("_total")))


def net(payment: Payment) -> dict[tuple[str, str], int]:
    """Return what the books hold of a payment, by layer and account; debits count up."""
    sql = """
        SELECT t.layer, a.code, sum(t.amount * CASE a.id WHEN t.debit_account_id THEN 1 ELSE -1 END)
        FROM ledger_transaction x JOIN ledger_transfer t ON t.transaction_id = x.id
        JOIN ledger_account a ON a.id IN (t.debit_account_id, t.credit_account_id)
        WHERE x.source_id = %(payment)s
           OR x.source_id IN (SELECT id FROM payments_refund WHERE payment_id = %(payment)s)
           OR x.source_id IN (SELECT id FROM payments_dispute WHERE payment_id = %(payment)s)
        GROUP BY t.layer, a.code
    """
    found = rows(sql, {"payment": payment.id})
    return {(layer, code): int(total) for layer, code, total in found if total}


@contextmanager
def owning(database: Database) -> Iterator[Any]:
    """Give a cursor of the tables' owner; what it did is committed."""
    own = database.connect(owner=True)
    try:
        with own, own.cursor() as cursor:
            yield cursor
    finally:
        own.close()


def waiting_for_lock(database: Database, kind: str = "transactionid") -> None:
    """Return once somebody in this database waits for a lock of this kind."""
    sql = "SELECT FROM pg_locks WHERE NOT granted AND locktype = %s"
    deadline = monotonic() + PATIENCE_SECONDS
    while monotonic() < deadline:
        with owning(database) as cursor:
            cursor.execute(sql, [kind])
            if cursor.rowcount:
                return
        sleep(0.01)
    pytest.fail("nobody waited")


def elsewhere(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the function in this thread, and close the thread's connection after it."""
    try:
        return function(*args, **kwargs)
    finally:
        connection.close()
