"""The whole path on SQLite, with the processes of `make up`: for development, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.crash import books
from tests.crash.gateways import HANG_AFTER
from tests.crash.merchants import DEMO_KEY, Merchants
from tests.crash.test_events import feed
from tests.sqlite.files import OnSqlite

PATIENCE_SECONDS = 20
DUPLICATES = 12


def ask(stack: OnSqlite, path: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{stack.port}/api{path}"
    answer = requests.get(url, headers={"X-API-KEY": DEMO_KEY}, timeout=5)
    assert answer.ok, answer.text
    return dict(answer.json())


def becomes(stack: OnSqlite, path: str, status: str) -> None:
    stack.until(
        f"{path} to be {status}", lambda: ask(stack, path)["status"] == status, PATIENCE_SECONDS
    )


def verified(stack: OnSqlite) -> str:
    done = stack.manage("verify", "--quiescent")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_payments_refunds_and_webhooks_end_as_they_should(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)

    kept = merchants.pay(amount=700, payment_method="tok_pending_success")
    given_back = merchants.pay(amount=1_000)
    becomes(stack, f"/payments/{given_back}/", "SUCCESS")
    refund = merchants.refund(given_back)

    becomes(stack, f"/refunds/{refund}/", "SUCCEEDED")
    becomes(stack, f"/payments/{given_back}/", "REFUNDED")
    becomes(stack, f"/payments/{kept}/", "SUCCESS")
    applied = "SELECT count(*) FROM webhooks_providerevent WHERE applied_at IS NOT NULL"
    stack.until("the webhook to be applied", lambda: stack.value(applied) == 1, PATIENCE_SECONDS)
    held = {"currency": "INR", "pending": 0, "available": 700}
    assert ask(stack, "/balance/") == {"balances": [held]}
    stack.until("rest", lambda: not stack.rows(_UNFINISHED), PATIENCE_SECONDS)
    assert "skipped on SQLite" in verified(stack)
    assert stack.counted("pay_sampler_failures_total") == 0
    assert stack.rows("SELECT count(*) FROM payments_payment WHERE xid IS NOT NULL") == [(0,)]


def test_events_get_numbers_and_tell_the_story(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)

    paid = [merchants.pay(key=f"order-{number}") for number in range(3)]
    stack.until("rest", lambda: not stack.rows(_UNFINISHED), PATIENCE_SECONDS)
    stack.until("numbers", lambda: not stack.rows(_UNNUMBERED), PATIENCE_SECONDS)

    told = feed(stack, DEMO_KEY)
    assert [one["number"] for one in told] == list(range(1, 10))
    story = ask(stack, f"/payments/{paid[0]}/timeline/")["results"]
    kinds = {"request", "message", "attempt", "answer", "state_change", "ledger_line", "event"}
    assert {one["kind"] for one in story} == kinds
    known = ask(stack, "/idempotency-keys/order-0/")
    assert known["status"] == "done"
    assert known["resource"]["id"] == paid[0]
    verified(stack)


_UNNUMBERED = """
    SELECT id FROM payments_event WHERE id NOT IN (SELECT event_id FROM payments_eventnumber)
"""


_UNFINISHED = "SELECT id FROM outbox_message WHERE state <> 8"


def test_payments_are_listed_and_a_reference_is_taken_once(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)
    plain = merchants.pay(amount=700, reference="order 7")
    refunded = merchants.pay(amount=1_000, currency="JPY")
    becomes(stack, f"/payments/{refunded}/", "SUCCESS")
    becomes(stack, f"/payments/{plain}/", "SUCCESS")
    refund = merchants.refund(refunded, amount=400)
    becomes(stack, f"/refunds/{refund}/", "SUCCEEDED")

    url = f"http://127.0.0.1:{stack.port}/api/payments/"
    body = {"amount": 5, "currency": "INR", "reference": "order 7"}
    headers = {"X-API-KEY": DEMO_KEY, "Idempotency-Key": "second"}
    second, again = (requests.post(url, json=body, headers=headers, timeout=5) for _ in range(2))

    assert (second.status_code, second.json()["payment"]) == (409, plain)
    assert again.content == second.content
    assert listed(stack, "reference=order%207") == listed(stack, "amount_max=700") == [plain]
    assert listed(stack, "currency=JPY&status=SUCCESS") == [refunded]
    assert listed(stack, "created_after=2026-01-01T00:00:00Z") == [refunded, plain]
    assert listed(stack, "created_before=2026-01-01T00:00:00Z") == []
    (one,) = results(stack, "?currency=JPY&expand=refunds,latest_attempt")
    assert [found["id"] for found in one["refunds"]["results"]] == [refund]
    assert one["latest_attempt"]["outcome"] == "succeeded"
    assert [found["id"] for found in results(stack, f"{refunded}/refunds/")] == [refund]


def results(stack: OnSqlite, path: str) -> Any:
    return ask(stack, f"/payments/{path}")["results"]


def listed(stack: OnSqlite, query: str) -> list[str]:
    return [one["id"] for one in results(stack, f"?{query}")]


def test_duplicates_at_once_wait_and_are_answered_alike(begin):
    stack = begin("web")
    url = f"http://127.0.0.1:{stack.port}/api/payments/"
    headers = {"X-API-KEY": DEMO_KEY, "Idempotency-Key": "same"}

    def pay(_: int) -> requests.Response:
        body = {"amount": 1_000, "currency": "INR"}
        return requests.post(url, json=body, headers=headers, timeout=30)

    with ThreadPoolExecutor(DUPLICATES) as pool:
        answers = list(pool.map(pay, range(DUPLICATES)))

    assert {(answer.status_code, answer.content) for answer in answers} == {
        (201, answers[0].content)
    }
    replays = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert sorted(replays, key=str) == [None, *["true"] * (DUPLICATES - 1)]
    assert stack.value("SELECT count(*) FROM payments_payment") == 1


def test_a_worker_killed_in_its_call_is_followed_by_another_that_charges_nothing_twice(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)
    hanging = merchants.pay(gateway="hanging", payment_method=HANG_AFTER)
    stack.until("the charge to happen", lambda: books.effects(stack), PATIENCE_SECONDS)

    stack.kill("worker")

    assert ask(stack, f"/payments/{hanging}/")["status"] == "PROCESSING"
    stack.start("worker")
    becomes(stack, f"/payments/{hanging}/", "SUCCESS")
    assert list(books.effects(stack).values()) == [1]
    assert stack.value("SELECT count(*) FROM outbox_lapse") == 1
    verified(stack)


def test_a_second_dispatcher_is_refused_until_the_first_is_dead(begin):
    stack = begin("dispatcher")

    second = stack.manage("dispatch")
    stack.kill("dispatcher")
    stack.start("dispatcher")

    assert second.returncode == 1
    assert "another dispatcher runs on this SQLite file" in second.stderr
