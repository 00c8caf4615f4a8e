"""Payments through the gateway `simulator`, with everything that a provider can do to us.

Both sides keep books; afterwards they say the same.
"""

import pytest

from payments.states import Status
from simulator.faults import FAULTS
from tests.crash import books, simulated
from tests.crash.merchants import Merchants

pytestmark = pytest.mark.usefixtures("django_db_setup")

ALL = ("simulator", "web", "dispatcher", "worker")
# What a person has to judge: money moved twice, or an answer spoke of other money.
FOR_PEOPLE = {"captured_twice", "wrong_amount", "wrong_currency", "wrong_account"}
# Nobody is told of the second charge; a look-up shows it.
SHOWN_ONLY = "captured_twice+error_stored+webhook_none"
ENDS = {
    **dict.fromkeys(FAULTS, Status.SUCCESS),
    "decline_expired": Status.FAILED,
    "pending_failure": Status.FAILED,
    "failed_then_captured": Status.FAILED,
    "requires_action_failure": Status.FAILED,
    "requires_action_abandoned": Status.EXPIRED,
}
# Somebody has to come (tests/crash/test_payers.py).
del ENDS["requires_action"]
# Nobody looks up what was answered, so these lose their answers, too. What the first look-up does
# not find is found in the list of the time.
LOOKED_UP = [f"error_stored+webhook_none+{name}" for name in FAULTS if name.startswith("find_")]
SETTLED = {name: end for name, end in ENDS.items() if name not in FOR_PEOPLE} | dict.fromkeys(
    LOOKED_UP, Status.SUCCESS
)
REFUND_FAULTS = ("drop_before", "drop_after", "error_stored", "slow_after", "pending_success",
                 "rate_limited_date", "truncated", "webhook_contradictory")  # fmt: skip
# A request that was turned away is none that was sent.
_SENDS = """
    SELECT count(*) FROM sim_call WHERE kind = 'charge' AND met NOT LIKE '429%' GROUP BY reference
"""
_STATUSES = "SELECT payment_method, status FROM payments_payment WHERE gateway = 'simulator'"
_STANDING = "SELECT status, amount_refunded FROM payments_payment WHERE id = %s"


def _pay(merchants, faults):
    return merchants.pay_all(
        {"gateway": "simulator", "payment_method": f"sim_{one}"} for one in faults
    )


def _ends(stack):
    return {method.removeprefix("sim_"): status for method, status in stack.rows(_STATUSES)}


def test_whatever_the_provider_does_both_books_say_the_same(begin):
    stack = begin(*ALL)
    merchants = Merchants(stack)

    payments = _pay(merchants, SETTLED)

    stack.until("the right ends", lambda: _ends(stack) == SETTLED, 60)
    books.settle(stack)
    simulated.check(stack)
    captured = [end for end in SETTLED.values() if end == "SUCCESS"]
    paid = [payment for payment, (name, end) in zip(payments, SETTLED.items(), strict=True)
            if end == "SUCCESS" and not name.startswith("dispute_")]  # fmt: skip
    for payment, fault in zip(paid, REFUND_FAULTS, strict=False):
        merchants.refund(payment, key=f"part-{fault}", amount=300, reason=f"sim_{fault}")
        merchants.refund(payment, key=f"part-{fault}", amount=300, reason=f"sim_{fault}")
    merchants.refund(paid[-1])
    books.settle(stack)
    simulated.check(stack)
    assert len(simulated.theirs(stack)) == len(captured) + len(REFUND_FAULTS) + 1
    assert stack.counted("pay_fence_rejections_total") == 0


def test_what_nobody_can_judge_calls_for_a_person_and_is_booked_once(begin):
    stack = begin(*ALL)
    merchants = Merchants(stack)

    _pay(merchants, {*FOR_PEOPLE, SHOWN_ONLY})

    review = "SELECT payment_method FROM payments_payment WHERE needs_review AND status = 'SUCCESS'"
    wanted = {(f"sim_{one}",) for one in {*FOR_PEOPLE, SHOWN_ONLY}}
    stack.until("five reviews", lambda: set(stack.rows(review)) == wanted, 40)
    booked = simulated.ours(stack)
    assert set(booked.values()) == {1}
    twice = [one for one, times in simulated.theirs(stack).items() if times == 2]
    assert set(booked) == set(simulated.theirs(stack))
    assert len(twice) == 2
    # What moved a second time is in suspense.
    simulated.check_owed(stack)


def test_a_failed_payment_that_is_captured_days_later_is_booked_and_told(begin):
    stack = begin(*ALL)
    payment = Merchants(stack).pay(gateway="simulator", payment_method="sim_failed_then_captured")
    status = "SELECT status FROM payments_payment WHERE id = %s"
    stack.until("a failure", lambda: stack.value(status, payment) == "FAILED", 20)

    simulated.control(stack, "clock", advance_seconds=3 * 86_400)

    stack.until("a late success", lambda: stack.value(status, payment) == "SUCCESS", 20)
    books.settle(stack)
    simulated.check(stack)
    assert sum(simulated.theirs(stack).values()) == 1


def test_a_simulator_killed_between_its_effect_and_its_answer_charges_once(begin):
    stack = begin(*ALL)
    merchants = Merchants(stack)
    faults = "slow_after:0+webhook_none"
    payments = _pay(merchants, [faults] * 5)
    stack.until("five effects", lambda: len(simulated.theirs(stack)) == 5, 20)

    stack.kill("simulator")

    statuses = "SELECT DISTINCT status FROM payments_payment WHERE id::text = ANY(%s)"
    assert stack.rows(statuses, payments) == [(Status.PROCESSING,)]
    stack.start("simulator")
    books.settle(stack)
    assert stack.rows(statuses, payments) == [(Status.SUCCESS,)]
    simulated.check(stack)


def test_an_outage_and_the_flood_after_it_lose_and_double_nothing(begin):
    stack = begin(*ALL)
    merchants = Merchants(stack)
    before = _pay(merchants, ["pending_success"] * 10)
    known = "SELECT count(*) FROM payments_operation WHERE provider_id <> ''"
    stack.until("all pending", lambda: len(_calls(stack)) == 10, 20)
    simulated.control(stack, "outage", seconds=12 * 3600)
    during = _pay(merchants, ["success"] * 20)
    stack.until("unanswered calls", lambda: len(_calls(stack)) == 30, 20)
    assert stack.value(known) == 0

    simulated.control(stack, "clock", advance_seconds=12 * 3600)

    books.settle(stack)
    simulated.check(stack)
    assert len(simulated.theirs(stack)) == len(before) + len(during)


def _calls(stack):
    return simulated.ask(stack, "SELECT DISTINCT reference FROM sim_call WHERE kind = 'charge'")


def test_a_provider_without_keys_gets_each_charge_once_and_people_decide_the_rest(begin):
    stack = begin(*ALL, SIMULATOR_KEYS="0", REVIEW_AFTER_SECONDS="4")
    merchants = Merchants(stack)

    _pay(merchants, ["success", "drop_after", "drop_before", "slow_after", "rate_limited_bare"])

    good = {"success", "drop_after", "slow_after", "rate_limited_bare"}
    wanted = {**dict.fromkeys(good, Status.SUCCESS), "drop_before": Status.PROCESSING}
    stack.until("what can be known", lambda: _ends(stack) == wanted, 40)
    review = "SELECT payment_method FROM payments_payment WHERE needs_review"
    stack.until("a person", lambda: stack.rows(review) == [("sim_drop_before",)], 40)
    assert simulated.ours(stack) == simulated.theirs(stack)
    assert set(simulated.theirs(stack).values()) == {1}
    assert {times for (times,) in simulated.ask(stack, _SENDS)} == {1}


def test_forged_and_foreign_webhooks_change_nothing(begin):
    stack = begin(*ALL)
    payment = Merchants(stack).pay(gateway="simulator", payment_method="sim_decline_expired")
    books.settle(stack)
    ((charge,),) = simulated.ask(stack, "SELECT id FROM sim_charge")

    simulated.control(stack, "webhook", object=charge, status="captured", forged=True)
    waiting = "SELECT 1 FROM sim_letter WHERE forged AND given_up_at IS NOT NULL"
    stack.until("the forgery to be refused", lambda: simulated.ask(stack, waiting), 20)
    assert _ends(stack)["decline_expired"] == Status.FAILED
    assert stack.rows(_STANDING, payment) == [(Status.FAILED, 0)]


def test_refunds_made_in_the_dashboard_are_booked_beside_ours(begin):
    stack = begin(*ALL)
    merchants = Merchants(stack)
    paid = merchants.pay(gateway="simulator", amount=1000)
    books.settle(stack)

    for amount in (100, 200):
        simulated.control(stack, "refund", reference=_reference(stack, paid), amount=amount)
    merchants.refund(paid, key="ours", amount=300, reason="sim_error_stored")

    told = lambda: stack.rows(_STANDING, paid) == [(Status.SUCCESS, 600)]  # noqa: E731
    stack.until("three refunds", told, 40)
    books.settle(stack)
    simulated.check_owed(stack)
    origins = "SELECT unasked_id <> '' FROM payments_operation WHERE kind = 'refund' ORDER BY 1"
    assert stack.rows(origins) == [(False,), (True,), (True,)]
    verdict = stack.manage("verify", "--quiescent")
    assert verdict.returncode == 0, verdict.stdout


def _reference(stack, payment):
    return stack.value("SELECT id::text FROM payments_operation WHERE payment_id = %s", payment)


def test_a_storm_drawn_from_a_seed_ends_with_equal_books(begin):
    stack = begin(*ALL, "worker-2")
    merchants = Merchants(stack)
    simulated.control(stack, "profile", name="storm", seed=11)

    merchants.pay_all({"gateway": "simulator", "amount": 1000 + number} for number in range(150))

    books.settle(stack, 120)
    simulated.check(stack)
    drawn = simulated.ask(stack, "SELECT DISTINCT met FROM sim_call")
    assert len(drawn) > 5
