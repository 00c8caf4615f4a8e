"""The stories: everything that can happen to a payment, each told by somebody else than us.

A story says what merchants, provider and operators do, and how its payments have to end, whoever
dies meanwhile.
"""

from core.known_kill_points import POINTS
from tests.kills.registry import SCENARIOS, Scenario, scenario
from tests.kills.teller import CANCELED, FAILED, REFUNDED, SUCCESS, Teller

__all__ = ["SCENARIOS", "Scenario", "mishap_scenarios", "waking_scenarios"]

_INGRESS = tuple(point for point in POINTS if point.startswith("ingress."))
# Where facts come in and are folded.
_FACTS = (
    *_INGRESS,
    *(point for point in POINTS if point.startswith(("worker.", "changes.", "fold."))),
)


@scenario()
def charge(story: Teller) -> None:
    """Three payments, one after the other."""
    for _ in range(3):
        story.until_status(story.pay(), SUCCESS)
    story.until("a block of balances", "SELECT 1 FROM ledger_rollup WHERE upto > '0'")
    story.until("numbers", "SELECT 1 FROM payments_eventnumber")


@scenario()
def burst(story: Teller) -> None:
    """Five payments at once, in jobs of several."""
    story.pay_all([f"burst-{number}" for number in range(5)])


@scenario()
def decline(story: Teller) -> None:
    """Two payments that the provider declines."""
    for _ in range(2):
        story.until_status(story.pay("decline_expired", ends=FAILED), FAILED)


@scenario()
def pending(story: Teller) -> None:
    """The provider says pending, and tells the end by webhook."""
    story.pay("pending_success")
    story.pay("pending_failure", ends=FAILED)


@scenario()
def payer(story: Teller) -> None:
    """A payer approves at the provider's page and comes back; no webhook tells of it."""
    payment = story.pay("requires_action+webhook_none")
    story.until_status(payment, "REQUIRES_ACTION")
    story.approve(payment)
    story.come_back(payment)


@scenario()
def payer_lost(story: Teller) -> None:
    """One payer refuses and does not come back, and one never comes at all."""
    refused = story.pay("requires_action", ends=FAILED)
    story.pay("requires_action_abandoned", ends="EXPIRED")
    story.until_status(refused, "REQUIRES_ACTION")
    story.approve(refused, deed="refuse")


@scenario()
def webhook_first(story: Teller) -> None:
    """The webhook comes before the answer."""
    story.pay("slow_after")


@scenario()
def webhooks_in_disorder(story: Teller) -> None:
    """Webhooks come twice, in the wrong order, and contradict each other."""
    for how in ("twice", "reordered", "contradictory"):
        story.pay(f"webhook_{how}")


@scenario(points=_INGRESS)
def webhook_replayed(story: Teller) -> None:
    """Somebody recorded a webhook, and sends it again under other headers that nobody signed."""
    story.until_status(story.pay(), SUCCESS)
    for number in range(2):
        story.replay_webhook({"X-Request-Id": f"replay-{number}"})


@scenario()
def refunds(story: Teller) -> None:
    """Two refunds of a part, and one of the rest."""
    payment = story.pay(ends=REFUNDED)
    story.until_status(payment, SUCCESS)
    for amount in (300, 250):
        story.refund(payment, amount)
    story.until_refunded(payment, 550)
    story.refund(payment, None)


@scenario()
def captured(story: Teller) -> None:
    """Money is held, and a part of it captured; the answer to another capture is lost."""
    story.change(story.hold(ends=SUCCESS), "capture", amount=400)
    story.change(story.hold("capture_drop_after+webhook_none", ends=SUCCESS), "capture")


@scenario()
def let_go(story: Teller) -> None:
    """Money is held, and let go."""
    story.change(story.hold(ends=CANCELED), "cancel")


# An attempt that a dead or frozen worker left unanswered forbids to cancel, as it has to.
@scenario(points=tuple(point for point in POINTS if point.startswith(("web.", "dispatcher."))))
def canceled(story: Teller) -> None:
    """A payment that the provider has no time for is cancelled before it is sent."""
    payment = story.pay("rate_limited_seconds:0", ends=CANCELED)
    story.until_waiting(payment)
    story.change(payment, "cancel")


@scenario()
def refund_answer_lost(story: Teller) -> None:
    """The provider refunds, and its answer is lost."""
    payment = story.pay(ends=SUCCESS)
    story.until_status(payment, SUCCESS)
    story.refund(payment, 400, "sim_drop_after+webhook_none")


@scenario(points=_FACTS)
def refunded_by_hand(story: Teller) -> None:
    """A refund is made at the provider's page, and told twice; a look-up shows it, too."""
    payment = story.pay()
    story.until_status(payment, SUCCESS)
    made = story.control("refund", reference=story.charge_of(payment), amount=300)
    story.until_refunded(payment, 300)
    story.control("webhook", object=made["id"])
    # Only the list has it, and so shows the other one as well.
    story.refund(payment, 200, "sim_error_stored+find_lags+webhook_none")


@scenario()
def disputed(story: Teller) -> None:
    """Two payments are disputed; one of the disputes is won, the other one lost."""
    ends = {story.pay("dispute_won"): "WON", story.pay("dispute_lost"): "LOST"}
    sql = "SELECT 1 FROM payments_dispute WHERE payment_id = %s AND status = %s"
    for payment, status in ends.items():
        story.until(f"a dispute to be {status}", sql, payment, status)


@scenario()
def same_key(story: Teller) -> None:
    """One key is sent three times, and at once by several."""
    story.pay_all(["one", "one", "one", "two", "two"])
    story.pay(key="one")


@scenario()
def answer_lost(story: Teller) -> None:
    """The provider captures, drops the connection, and sends no webhook."""
    story.pay("drop_after:9+webhook_none")


@scenario(points=_FACTS)
def old_no(story: Teller) -> None:
    """A webhook says failed, of an earlier try, while nobody has heard of the last one."""
    payment = story.pay("drop_after:0+find_dropped:0+webhook_none")
    story.until_waiting(payment)
    reference, made = story.charge_of(payment), "SELECT id FROM sim_charge WHERE reference = :of"
    ((charge,),) = story.ask_provider(made, of=reference)
    story.control("webhook", object=charge, status="failed")
    story.until("the webhook", "SELECT 1 FROM webhooks_providerevent WHERE applied_at IS NOT NULL")
    story.control("faults", reference=reference, faults="webhook_none")


@scenario()
def effect_then_error(story: Teller) -> None:
    """The provider captures, and answers 500 now, and for ever under this key."""
    story.pay("error_after+webhook_none")
    story.pay("error_stored+webhook_none")


@scenario(keyless=True)
def no_keys(story: Teller) -> None:
    """A provider without keys captures, and its answer is lost; nothing is sent twice."""
    story.pay("drop_after+webhook_none", ends={SUCCESS, "PROCESSING"})


@scenario()
def late_success(story: Teller) -> None:
    """What the provider declined it captures after all, days later."""
    payment = story.pay("failed_then_captured")
    story.until_status(payment, FAILED)
    story.control("clock", advance_seconds=3 * 86_400)


@scenario(seconds={"RECHECK_EVERY": 0.5, "RECHECK_WINDOW": 1.2}, recheck_scan_seconds=0.1)
def looked_up_again(story: Teller) -> None:
    """What failed is looked up again, and stays failed."""
    story.pay("decline_expired", ends=FAILED)


@scenario()
def second_capture(story: Teller) -> None:
    """The provider charges twice for one request; an operator looks, and ends the review."""
    payment = story.pay("captured_twice")
    review = "SELECT 1 FROM payments_payment WHERE id = %s AND needs_review"
    story.until("a person to be called", review, payment)
    story.until_settled()
    story.desk.act(f"payments/payment/{payment}", "End review")


@scenario()
def replayed(story: Teller) -> None:
    """A message that waits is held, released and replayed by an operator."""
    payment = story.pay("rate_limited_seconds:2")
    if message := story.until_waiting(payment):
        for label in ("Hold", "Release"):
            story.desk.act(f"outbox/message/{message}", label)
    if message := story.until_waiting(payment):
        story.desk.act(f"outbox/message/{message}", "Replay")


@scenario()
def inquired(story: Teller) -> None:
    """The provider is out of service; when it is back, an operator has it asked."""
    story.control("outage", seconds=60, silence="drop")
    payment = story.pay()
    message = story.until_waiting(payment)
    story.control("outage", seconds=0)
    if message:
        story.desk.act(f"outbox/message/{message}", "Inquire")


@scenario()
def applied_again(story: Teller) -> None:
    """A webhook about nothing of ours is parked; an operator has it applied again."""
    story.charge_of_a_stranger("sim_decline_expired")
    parked = "SELECT id::text FROM webhooks_providerevent WHERE parked_at IS NOT NULL"
    (event,) = story.until("a parked event", parked)
    story.desk.act(f"webhooks/providerevent/{event}", "Apply again")
    story.until("it to be parked anew", parked)


@scenario()
def told(story: Teller) -> None:
    """A merchant is told of two payments: each event at least once, in the same bytes."""
    secret = story.endpoint()
    for _ in range(2):
        story.until_status(story.pay("success+webhook_none"), SUCCESS)
    story.until_told(secret)


# The others come after these, as the page has them.
from tests.kills import mishap_scenarios, waking_scenarios  # noqa: E402
