"""Payers who act at the provider's page, and come back or do not, while processes die."""

import pytest
import requests

from payments.states import Status
from tests.crash import books, simulated
from tests.crash.merchants import DEMO_KEY, Merchants

pytestmark = pytest.mark.usefixtures("django_db_setup")

ALL = ("simulator", "web", "dispatcher", "worker")
SHOP = "https://shop.example/thanks?order=7"
SIMULATED = {"gateway": "simulator", "return_url": SHOP}
_STANDING = "SELECT status, next_action_url FROM payments_payment WHERE id = %s"
# Nobody asks for an hour, so that only the way under test leads on.
_QUIET = "UPDATE outbox_message SET available_at = now() + interval '1 hour' WHERE state = 0"
_ATTEMPTS = """
    SELECT count(*) FROM payments_attempt a JOIN payments_operation o ON o.id = a.operation_id
    WHERE o.payment_id = %s
"""
_OPEN = "SELECT count(*) FROM payments_payment WHERE status IN ('PROCESSING', 'REQUIRES_ACTION')"


def until(stack, payment, status, seconds=20):
    found = lambda: stack.value(_STANDING, payment) == status  # noqa: E731
    stack.until(f"{payment} to be {status}", found, seconds)


def page_of(stack, payment):
    """Wait for the payer's turn; return the page where the merchant sends them."""
    until(stack, payment, Status.REQUIRES_ACTION)
    shown = requests.get(
        f"http://127.0.0.1:{stack.port}/api/payments/{payment}/",
        headers={"X-API-KEY": DEMO_KEY},
        timeout=5,
    ).json()
    assert shown["next_action"]["type"] == "redirect"
    return shown["next_action"]["url"]


def be_quiet(stack):
    """Wait until nobody is being asked, and let nobody be for a while."""
    idle = "SELECT count(*) FROM outbox_message WHERE state = 1"
    stack.until("nobody to be asked", lambda: stack.value(idle) == 0, 10)
    stack.rows(_QUIET)


def press(url, deed):
    """Act as the payer; return where the provider sends them."""
    assert "Approve" in requests.get(url, timeout=5).text
    answer = requests.post(url, {"deed": deed}, timeout=5, allow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["Location"]


def come_back(stack, payment, address):
    assert address.startswith(f"http://127.0.0.1:{stack.port}/return/{payment}/?")
    answer = requests.get(address, timeout=5, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{SHOP}&payment={payment}"


def agree(stack):
    books.settle(stack)
    simulated.check(stack)
    verdict = stack.manage("verify", "--quiescent")
    assert verdict.returncode == 0, verdict.stdout


def test_the_way_back_alone_leads_on(begin):
    stack = begin(*ALL)
    payment = Merchants(stack).pay(payment_method="sim_requires_action+webhook_none", **SIMULATED)
    url = page_of(stack, payment)
    be_quiet(stack)

    come_back(stack, payment, press(url, "approve"))

    until(stack, payment, Status.SUCCESS)
    agree(stack)
    assert stack.rows(_STANDING, payment) == [(Status.SUCCESS, "")]


def test_the_webhook_alone_leads_on(begin):
    stack = begin(*ALL)
    merchants = Merchants(stack)
    approved, refused = (
        merchants.pay(payment_method="sim_requires_action", gateway="simulator") for _ in range(2)
    )
    urls = page_of(stack, approved), page_of(stack, refused)
    be_quiet(stack)

    # They close the window, and come back to nobody.
    press(urls[0], "approve")
    press(urls[1], "refuse")

    until(stack, approved, Status.SUCCESS)
    until(stack, refused, Status.FAILED)
    code = "SELECT failure_code FROM payments_payment WHERE id = %s"
    assert stack.value(code, refused) == "action_refused"
    agree(stack)


def test_a_payer_who_acts_only_after_coming_back_is_noticed_soon(begin):
    stack = begin(*ALL)
    payment = Merchants(stack).pay(payment_method="sim_requires_action+webhook_none", **SIMULATED)
    page_of(stack, payment)
    address = f"http://127.0.0.1:{stack.port}/return/{payment}/?early"

    come_back(stack, payment, address)
    looked = stack.value(_ATTEMPTS, payment)
    stack.until("a look", lambda: stack.value(_ATTEMPTS, payment) > looked, 15)
    simulated.control(stack, "action", reference=_reference(stack, payment), deed="approve")

    until(stack, payment, Status.SUCCESS, 15)
    agree(stack)


def _reference(stack, payment):
    return stack.value("SELECT id::text FROM payments_operation WHERE payment_id = %s", payment)


def test_what_is_still_pending_after_the_payer_acted_waits_for_nobody(begin):
    stack = begin(*ALL)
    payment = Merchants(stack).pay(
        payment_method="sim_requires_action+approval_pending", **SIMULATED
    )
    url = page_of(stack, payment)

    come_back(stack, payment, press(url, "approve"))

    until(stack, payment, Status.SUCCESS)
    steps = """
        SELECT after FROM payments_statuschange WHERE payment_id = %s ORDER BY version
    """
    went = [after for (after,) in stack.rows(steps, payment)]
    assert went in (
        ["PROCESSING", "REQUIRES_ACTION", "PROCESSING", "SUCCESS"],
        # Both may be known before either is folded.
        ["PROCESSING", "REQUIRES_ACTION", "SUCCESS"],
    )
    agree(stack)


@pytest.mark.parametrize("told", ["", "+webhook_none"])
def test_a_payer_who_never_comes_lets_the_payment_expire_by_the_providers_clock(begin, told):
    stack = begin(*ALL, ACTION_INQUIRY_SECONDS="2" if told else "3600")
    payment = Merchants(stack).pay(payment_method=f"sim_requires_action{told}", **SIMULATED)
    url = page_of(stack, payment)

    simulated.control(stack, "clock", advance_seconds=3_700)

    until(stack, payment, Status.EXPIRED, 40)
    # Too late.
    requests.post(url, {"deed": "approve"}, timeout=5, allow_redirects=False)
    agree(stack)
    assert simulated.theirs(stack).total() == 0


def test_an_authorization_waits_for_its_payer_first(begin):
    stack = begin(*ALL)
    payment = Merchants(stack).pay(
        payment_method="sim_requires_action", capture_method="manual", **SIMULATED
    )
    url = page_of(stack, payment)

    come_back(stack, payment, press(url, "approve"))

    until(stack, payment, Status.AUTHORIZED)
    assert simulated.theirs(stack).total() == 0


def test_workers_who_die_while_payers_come_back_lose_and_double_nothing(begin):
    stack = begin(*ALL)
    merchants = Merchants(stack)
    methods = ["requires_action", "requires_action+webhook_none", "requires_action+drop_after:9"]
    payments = merchants.pay_all(
        {"payment_method": f"sim_{methods[number % 3]}", **SIMULATED} for number in range(9)
    )
    urls = {payment: page_of(stack, payment) for payment in payments}

    stack.kill("worker")
    for payment, url in urls.items():
        come_back(stack, payment, press(url, "approve"))
    stack.start("worker")
    stack.until("someone to be asked", lambda: stack.value(_OPEN) < len(payments), 20)
    stack.kill("worker")
    stack.kill("web")
    stack.start("web", "worker")

    for payment in payments:
        until(stack, payment, Status.SUCCESS, 60)
    agree(stack)
    assert simulated.theirs(stack).total() == len(payments)


def test_a_person_plays_the_payer_of_the_mock(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)
    approved, refused = (
        merchants.pay(payment_method="tok_requires_action", return_url=SHOP) for _ in range(2)
    )
    played = {
        merchants.pay(payment_method=f"tok_requires_action_{how}"): end
        for how, end in (("success", "SUCCESS"), ("failure", "FAILED"), ("abandoned", "EXPIRED"))
    }

    come_back(stack, approved, press(page_of(stack, approved), "approve"))
    come_back(stack, refused, press(page_of(stack, refused), "refuse"))

    until(stack, approved, Status.SUCCESS)
    until(stack, refused, Status.FAILED)
    for payment, end in played.items():
        until(stack, payment, end)
    books.settle(stack)
    books.check(stack, merchants)
