"""A person ends a review that a dispute called for, having seen what was said of it."""

from typing import Any

import pytest

from core.audit import ActRefused
from core.db import OPERATOR, acting_as
from payments.models import Payment
from payments.operating import end_review, sight_of
from tests.money import a_shop
from tests.payments.disputes import say, the_dispute

pytestmark = pytest.mark.usefixtures("committed_db")


def contradicted() -> Payment:
    payment = a_shop().sold()
    say(payment, "opened", "won", "lost", amount=400)
    assert payment.needs_review
    return payment


def seen(payment: Payment) -> dict[str, Any]:
    with acting_as(OPERATOR):
        return {"version": payment.version, "seen_as": sight_of(payment)}


def end(payment: Payment, **known: Any) -> None:
    with acting_as(OPERATOR):
        end_review(payment.id, **known, actor="ada", reason="the provider says it is lost")
    payment.refresh_from_db()


def test_it_is_ended_and_the_same_words_ask_for_nobody_again():
    payment = contradicted()

    end(payment, **seen(payment))
    say(payment, "won", "lost", amount=400)

    assert not payment.needs_review
    assert the_dispute().status == "LOST"


def test_what_was_said_since_has_to_be_seen_first():
    payment = contradicted()
    known = seen(payment)
    say(payment, "opened", "won", "lost", provider_id="dp_2", amount=1)

    with pytest.raises(ActRefused):
        end(payment, **known)

    end(payment, **seen(payment))
    assert not payment.needs_review


def test_the_same_words_said_again_change_nothing_of_what_was_seen():
    payment = contradicted()
    known = seen(payment)
    say(payment, "won", "lost", amount=400)

    end(payment, **known)

    assert not payment.needs_review
