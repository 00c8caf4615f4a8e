"""Merchants read their disputes, and nothing of others."""

from uuid import uuid4

import pytest

from payments.models import Dispute, Event
from payments.representation import dispute_dict
from payments.serializers import DisputeRead
from tests.money import a_shop, problem
from tests.payments.disputes import say, the_dispute

pytestmark = pytest.mark.django_db
DISPUTES = "/api/disputes/"


def test_one_is_read_by_its_id():
    shop = a_shop()
    payment = shop.sold()
    say(payment, "opened", amount=400, code="fraudulent", fee=15)

    answer = shop.get(f"{DISPUTES}{the_dispute().id}/")

    shown = answer.json()
    assert answer.status_code == 200
    assert (shown["payment"], shown["amount"], shown["currency"]) == (str(payment.id), 400, "INR")
    assert (shown["status"], shown["reason"], shown["fee"]) == ("OPEN", "fraudulent", 15)
    assert shown["opened_at"]
    assert shown["decided_at"] is None


@pytest.mark.parametrize("said", [["opened"], ["opened", "won"]])
def test_an_event_shows_what_is_read(said):
    shop = a_shop()
    say(shop.sold(), *said)
    told = Event.objects.filter(aggregate_type="dispute").latest("id")

    assert told.payload == shop.get(f"{DISPUTES}{the_dispute().id}/").json()


def test_the_plain_function_says_what_the_serializer_says():
    say(a_shop().sold(), "opened", "lost", fee=3)
    dispute = the_dispute()

    assert dict(DisputeRead(dispute).data) == dispute_dict(dispute)


def test_they_are_listed_newest_first_a_page_at_a_time():
    shop = a_shop()
    for number in range(3):
        say(shop.sold(), "opened", provider_id=f"dp_{number}")
    ids = [str(one) for one in Dispute.objects.order_by("-id").values_list("id", flat=True)]

    first = shop.get(DISPUTES, limit="2").json()
    second = shop.get(DISPUTES, limit="2", cursor=first["next"]).json()

    assert [one["id"] for one in first["results"] + second["results"]] == ids
    assert second["next"] is None


def test_they_are_narrowed_to_a_payment_and_to_a_status():
    shop = a_shop()
    first, second = shop.sold(), shop.sold()
    say(first, "opened", "won", amount=100, provider_id="dp_1")
    say(first, "opened", amount=200, provider_id="dp_2")
    say(second, "opened", amount=300, provider_id="dp_3")

    def amounts(**query: str) -> list[int]:
        return [one["amount"] for one in shop.get(DISPUTES, **query).json()["results"]]

    assert amounts(payment=str(first.id)) == [200, 100]
    assert amounts(status="OPEN") == [300, 200]
    assert amounts(payment=str(first.id), status="WON") == [100]
    assert amounts(payment=str(uuid4())) == []


@pytest.mark.parametrize("query", [{"status": "open"}, {"payment": "x"}, {"reason": "fraudulent"}])
def test_a_list_of_what_there_is_not_is_refused(query):
    assert problem(a_shop().get(DISPUTES, **query)) == (400, "validation-error")


def test_a_payment_named_twice_is_refused():
    shop = a_shop()

    answer = shop.get(f"{DISPUTES}?payment={uuid4()}&payment={uuid4()}")

    assert problem(answer) == (400, "validation-error")


def test_another_merchant_and_the_other_mode_see_none():
    shop = a_shop()
    say(shop.sold(), "opened")

    for other in (a_shop(), a_shop(mode="live", merchant=shop.merchant)):
        assert problem(other.get(f"{DISPUTES}{the_dispute().id}/")) == (404, "not-found")
        assert other.get(DISPUTES).json() == {"results": [], "next": None}


def test_a_key_without_the_scope_sees_none():
    assert problem(a_shop(scopes=("refunds:write",)).get(DISPUTES)) == (403, "forbidden-scope")


@pytest.mark.parametrize("path", [DISPUTES, f"{DISPUTES}{uuid4()}/"])
def test_nobody_writes_one(path):
    assert problem(a_shop().post(path, {})) == (405, "method-not-allowed")
