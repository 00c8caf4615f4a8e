"""A merchant reads its events by number, and knows when it has missed nothing."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from core.db import transaction
from payments.changes import Changes
from payments.events import TYPES, of_numbered, parse_id, public_id
from payments.feed import LOOKED_AT_MAX, EventRead, EventsRead
from payments.models import Event
from payments.representation import timestamp
from tests.money import a_shop, drain, problem
from tests.payments.numbers import number, write

pytestmark = pytest.mark.usefixtures("committed_db")

EVENTS = "/api/events/"


def read(shop, **query):
    answer = shop.get(EVENTS, **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


class TestTheFeed:
    def test_tells_a_payments_life_in_order(self):
        shop = a_shop()
        payment = shop.sold(700)
        shop.refund(payment)
        drain()
        number()

        found = read(shop)

        assert [(one["number"], one["type"]) for one in found["results"]] == [
            (1, "payment.created"),
            (2, "payment.processing"),
            (3, "payment.succeeded"),
            (4, "refund.created"),
            *enumerate(sorted(["refund.succeeded", "payment.refunded"], key=_by_id), start=5),
        ]
        assert found["next"] is None

    def test_shows_each_event_as_the_schema_says(self):
        shop = a_shop()
        payment = shop.accepted(700)
        number()

        found = read(shop)
        (one,) = found["results"]

        assert found.keys() == EventsRead().fields.keys()
        assert one.keys() == EventRead().fields.keys()
        event = Event.objects.get()
        assert one["id"] == public_id(event.id)
        assert one["object"] == {"type": "payment", "id": str(payment.id)}
        assert one["version"] == 1
        assert one["data"] == shop.get(f"/api/payments/{payment.id}/").json()
        assert one["created_at"] == timestamp(event.created_at)

    def test_shows_what_was_told_when_it_was_numbered(self):
        shop = a_shop()
        shop.accepted()

        (numbered,) = number().numbered

        assert read(shop)["results"] == [of_numbered(numbered)]

    def test_goes_on_after_any_number(self):
        shop = a_shop()
        ids = [public_id(write(shop.merchant)) for _ in range(5)]
        number()

        pages: list[list[str]] = []
        after: int | None = 0
        while after is not None:
            page = read(shop, after=str(after), limit="2")
            pages.append([one["id"] for one in page["results"]])
            after = page["next"]

        assert pages == [ids[:2], ids[2:4], ids[4:]]

    def test_is_empty_after_the_last_number(self):
        shop = a_shop()
        write(shop.merchant)
        number()

        assert read(shop, after="1") == {"results": [], "next": None}
        assert read(shop, after=str(2**63 - 1)) == {"results": [], "next": None}

    def test_has_nobody_elses_events_nor_those_of_the_other_mode(self):
        shop, other = a_shop(), a_shop()
        live = a_shop(mode="live", merchant=shop.merchant)
        write(other.merchant)
        mine = write(shop.merchant, "live")
        number()

        assert read(shop)["results"] == []
        assert [one["id"] for one in read(live)["results"]] == [public_id(mine)]

    def test_has_no_event_without_a_number(self):
        shop = a_shop()
        shop.accepted()

        assert read(shop)["results"] == []


def _by_id(name):
    return Event.objects.get(type=name).id


class TestOfOneType:
    def test_leaves_out_all_others(self):
        shop = a_shop()
        shop.sold()
        number()

        found = read(shop, type="payment.succeeded")

        assert [one["number"] for one in found["results"]] == [3]
        assert found["next"] is None

    def test_pages_like_the_rest(self):
        shop = a_shop()
        for _ in range(3):
            shop.accepted()
        number()

        first = read(shop, type="payment.created", limit="2")
        second = read(shop, type="payment.created", limit="2", after=str(first["next"]))

        assert [one["number"] for one in first["results"] + second["results"]] == [1, 2, 3]
        assert second["next"] is None

    def test_looks_no_further_than_a_bounded_part(self):
        shop = a_shop()
        with transaction():
            for _ in range(LOOKED_AT_MAX):
                write(shop.merchant)
        shop.sold()
        while number().numbered:
            pass

        first = read(shop, type="payment.succeeded")
        second = read(shop, type="payment.succeeded", after=str(first["next"]))

        assert first == {"results": [], "next": LOOKED_AT_MAX}
        assert [one["number"] for one in second["results"]] == [LOOKED_AT_MAX + 3]


class TestOneEvent:
    def test_is_read_by_its_id(self):
        shop = a_shop()
        shop.accepted()
        number()
        (listed,) = read(shop)["results"]

        answer = shop.get(f"{EVENTS}{listed['id']}/")

        assert (answer.status_code, answer.json()) == (200, listed)

    def test_is_not_there_for_others(self):
        shop, other = a_shop(), a_shop()
        made = write(shop.merchant)
        number()

        found = [
            problem(one.get(f"{EVENTS}{public_id(made)}/"))
            for one in (other, a_shop(mode="live", merchant=shop.merchant))
        ]

        assert found == [(404, "not-found")] * 2

    def test_is_not_there_before_it_has_its_number(self):
        shop = a_shop()
        made = write(shop.merchant)

        assert problem(shop.get(f"{EVENTS}{public_id(made)}/")) == (404, "not-found")

    @pytest.mark.parametrize("text", ["evt_", "evt_!", "x", str(uuid4()), "evt_" + "a" * 27])
    def test_is_not_found_by_what_is_no_id(self, text):
        assert problem(a_shop().get(f"{EVENTS}{text}/")) == (404, "not-found")


class TestAnId:
    def test_is_read_back(self):
        made = uuid4()

        assert parse_id(public_id(made)) == made

    def test_has_one_spelling(self):
        text = public_id(uuid4())
        others = {text[:-1] + digit for digit in "abcdefghijklmnopqrstuvwxyz234567"} - {text}

        known = [parse_id(other) for other in others if parse_id(other)]

        assert len(known) == 7  # the last digit has five bits, of which two are to spare
        assert parse_id(text.upper()) is None
        assert parse_id("evt_" + text[4:].upper()) is None


class TestRefused:
    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ({"after": "-1"}, "after"),
            ({"after": "x"}, "after"),
            ({"after": ""}, "after"),
            ({"after": "1.5"}, "after"),
            ({"after": "٣"}, "after"),
            ({"after": str(2**63)}, "after"),
            ({"after": "9" * 5_000}, "after"),
            ({"limit": "0"}, "limit"),
            ({"limit": "101"}, "limit"),
            ({"type": "payment.exploded"}, "type"),
            ({"type": ""}, "type"),
            ({"before": "1"}, "before"),
            ({"after": ["1", "2"]}, "after"),
        ],
    )
    def test_bad_parameters(self, query, parameter):
        answer = a_shop().get(EVENTS, **query)

        assert problem(answer) == (400, "validation-error")
        assert [one["parameter"] for one in answer.json()["errors"]] == [parameter]

    def test_a_key_without_the_scope(self):
        shop = a_shop(scopes=("payments:read", "payments:write"))
        made = write(shop.merchant)
        number()

        found = [problem(shop.get(path)) for path in (EVENTS, f"{EVENTS}{public_id(made)}/")]

        assert found == [(403, "forbidden-scope")] * 2

    def test_writes(self):
        assert problem(a_shop().post(EVENTS, {})) == (405, "method-not-allowed")


def test_a_key_with_the_scope_reads_events():
    shop = a_shop(scopes=("events:read",))

    assert read(shop) == {"results": [], "next": None}


def test_an_event_that_no_merchant_is_told_of_is_not_written():
    payment = a_shop().accepted()

    with pytest.raises(AssertionError, match=r"payment\.exploded"):
        Changes(payment.created_at).tell("payment.exploded", payment)


def test_the_page_for_merchants_has_every_type():
    page = (Path(__file__).parents[2] / "docs/merchants/events.md").read_text()

    told = dict(re.findall(r"^\| `([a-z_.]+)` \| [a-z_]+ \| (.+?) \|$", page, re.MULTILINE))

    assert told == dict(TYPES)
