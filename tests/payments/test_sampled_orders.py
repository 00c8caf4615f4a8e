"""Facts through the real door and the real settling, in sampled orders: one state, one net.

``test_every_order`` has every order of the fold alone; this has what is written step by step.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from core.caches import forget
from core.db import rows
from dispatcher import runner
from outbox.handling import Started
from payments.asking import Question
from payments.facts import Said
from payments.models import Refund
from tests.money import a_shop, begin, claim_all, finish, reciting, told, took
from tests.payments.dashboard import wrong

pytestmark = pytest.mark.django_db

SEED, SAMPLES, ORDERS = 20_261, 8, 4
_NET = """
    SELECT t.layer, a.code, sum(CASE WHEN a.id = t.debit_account_id THEN t.amount
                                     ELSE -t.amount END)::bigint
    FROM ledger_transfer t JOIN ledger_account a
        ON a.id IN (t.debit_account_id, t.credit_account_id)
    GROUP BY t.layer, a.code ORDER BY t.layer, a.code
"""


class Scene:
    """A payment in a shop, and a call of ours that is on its way while others speak."""

    def __init__(self, *, refunding: bool) -> None:
        shop = a_shop()
        self.payment = shop.sold(1_000) if refunding else shop.accepted(1_000)
        self.ours = None
        if refunding:
            answer = shop.refund(self.payment, key="k", amount=300)
            self.ours = Refund.objects.get(id=answer.json()["id"])
        self.message, self.question = self._begun()

    def _begun(self) -> tuple[Started, Question]:
        return begin(self.payment)

    def hear(self, said: Said, **heard: Any) -> None:
        """Have our call answered; only its first answer is one."""
        finish(self.message, said, self.question, **heard)

    def tell(self, kind: str, **members: Any) -> None:
        """Have the provider send a webhook, and apply it."""
        told(self.payment, kind, **members)
        for job in claim_all():
            if job.lane.startswith("apply:"):
                runner.run(job.lane, job.tickets, "host:2")

    def made(self, provider_id: str, amount: int) -> None:
        """Have somebody refund at the provider's own page."""
        charge = str(self.payment.id)
        self.tell("refund.succeeded", reference="dashboard", charge_reference=charge,
                  provider_id=provider_id, amount=amount)  # fmt: skip

    def standing(self) -> tuple[Any, ...]:
        """Return where everything stands, and what the accounts come to."""
        payment = self.payment
        payment.refresh_from_db()
        refunds = Refund.objects.order_by("amount", "status")
        return (
            payment.status, payment.amount_captured, payment.amount_refunded,
            payment.amount_refund_held, payment.amount_overdrawn,
            [(one.amount, one.status) for one in refunds],
            [row for row in rows(_NET) if row[2]],
        )  # fmt: skip


Step = Callable[[Scene], None]

CHARGE: dict[str, Step] = {
    "we hear yes": lambda scene: scene.hear(Said.SUCCEEDED, **took(scene.payment)),
    "we hear no": lambda scene: scene.hear(Said.DECLINED, code="no"),
    "we hear nothing": lambda scene: scene.hear(Said.UNKNOWN),
    "they say yes": lambda scene: scene.tell("charge.succeeded", provider_id="ch_1"),
    "they say no": lambda scene: scene.tell("charge.failed", code="no"),
    "they charged again": lambda scene: scene.tell("charge.succeeded", provider_id="ch_2"),
    "they say too much": lambda scene: scene.tell("charge.succeeded", amount=1_001),
    "they refunded 200": lambda scene: scene.made("re_x", 200),
    "they refunded 900": lambda scene: scene.made("re_y", 900),
}
REFUND: dict[str, Step] = {
    "we hear yes": lambda scene: scene.hear(
        Said.SUCCEEDED, provider_id="re_1", amount=300, currency="INR"
    ),
    "we hear no": lambda scene: scene.hear(Said.DECLINED, code="no"),
    "they say yes": lambda scene: of_ours(scene, "refund.succeeded", "re_1"),
    "they say no": lambda scene: of_ours(scene, "refund.failed", "re_1", code="no"),
    "they paid it again": lambda scene: of_ours(scene, "refund.succeeded", "re_2"),
    "they refunded 200": lambda scene: scene.made("re_x", 200),
    "they refunded 600": lambda scene: scene.made("re_y", 600),
    "they charged again": lambda scene: scene.tell("charge.succeeded", provider_id="ch_2"),
}
ANSWERS = {"we hear yes", "we hear no", "we hear nothing"}


def of_ours(scene: Scene, kind: str, provider_id: str, **members: Any) -> None:
    assert scene.ours is not None
    scene.tell(kind, reference=scene.ours.id, provider_id=provider_id, amount=300, **members)


def samples(alphabet: dict[str, Step]) -> list[list[str]]:
    """Draw sets of facts: one answer at the most, and webhooks, some of them twice."""
    chance = Random(SEED)
    answers = sorted(ANSWERS & {*alphabet})
    webhooks = sorted({*alphabet} - ANSWERS)
    drawn = []
    for _ in range(SAMPLES):
        few = [chance.choice(answers), *chance.sample(webhooks, chance.randint(2, 4))]
        drawn.append([*few, chance.choice(few[1:])])
    return drawn


def ends(names: Sequence[str], alphabet: dict[str, Step], *, refunding: bool) -> tuple[Any, ...]:
    """Play the facts in this order, and leave no trace of it."""
    rows("SAVEPOINT before_scene")
    scene = Scene(refunding=refunding)
    for name in names:
        alphabet[name](scene)
    standing, broken = scene.standing(), wrong()
    needs_review = scene.payment.needs_review
    rows("ROLLBACK TO SAVEPOINT before_scene")
    forget()
    assert broken == [], names
    assert needs_review or not scene.payment.amount_overdrawn, names
    return standing


def check(names: list[str], alphabet: dict[str, Step], *, refunding: bool) -> None:
    chance = Random(SEED)
    expected = ends(names, alphabet, refunding=refunding)
    for _ in range(ORDERS):
        order = chance.sample(names, len(names))
        assert ends(order, alphabet, refunding=refunding) == expected, (names, order)


@pytest.mark.parametrize("names", samples(CHARGE), ids=", ".join)
def test_of_a_charge_in_flight(settings, names):
    reciting(settings)

    check(names, CHARGE, refunding=False)


@pytest.mark.parametrize("names", samples(REFUND), ids=", ".join)
def test_of_a_refund_in_flight(names):
    check(names, REFUND, refunding=True)
