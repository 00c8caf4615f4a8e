"""What a merchant asked for while it was let in is carried out, whatever people do to it after."""

import pytest

from core.db import OPERATOR, acting_as, rows
from payments.models import Refund
from tests.core.test_desk_merchants import press
from tests.desk import Desk
from tests.money import a_shop, drain, told
from tests.payments.promises import broken

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.mark.parametrize("act", ["suspend", "close"])
def test_what_was_accepted_is_carried_out(act):
    shop = a_shop()
    sold, accepted = shop.sold(gateway="mock"), shop.accepted()
    assert shop.refund(sold, amount=300, key="r-1").status_code == 201

    press(Desk(), shop.merchant, act)
    refused = shop.pay().status_code
    told(sold, "charge.succeeded", provider_id="ch_9")
    drain()

    sold.refresh_from_db()
    accepted.refresh_from_db()
    assert refused == 401
    assert (accepted.status, sold.status, sold.amount_refunded) == ("SUCCESS", "SUCCESS", 300)
    assert Refund.objects.get().status == "SUCCEEDED"
    assert rows("SELECT count(*) FROM outbox_message WHERE state <> 8") == [(0,)]
    assert not broken()


def test_an_act_is_of_who_was_logged_in():
    shop = a_shop()
    desk = Desk(name="ada")

    press(desk, shop.merchant, "suspend", actor="somebody else")

    with acting_as(OPERATOR):
        assert rows("SELECT actor FROM core_auditentry") == [("ada",)]
