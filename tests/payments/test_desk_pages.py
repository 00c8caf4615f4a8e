"""What operators read: every page opens, is linked to the others, and costs what it should."""

import re
from html import unescape
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import connections
from django.test.utils import CaptureQueriesContext

from core.db import OPERATOR
from core.desk import words
from core.desk.lists import Listed
from gateways.base import Outcome, OutcomeKind
from payments.models import Attempt
from tests.desk import ADMIN, Desk, page
from tests.money import a_shop, charge_of, drain, reciting, told

pytestmark = pytest.mark.usefixtures("committed_db")

XSS = "<script>alert('pwned')</script>"
LISTS = [
    model._meta.label_lower.replace(".", "/") + "/"
    for model, pages in admin.site._registry.items()
    if isinstance(pages, Listed)
]
# These have forms of their own.
FORMS = {"core/merchant/", "core/apikey/"}
# What is done is on no other list of messages.
QUERY = {"outbox/message/": {"view": "done"}}
_LINK = re.compile(r'href="([^"#]*)"')


def links(answer, path):
    """Return the pages of the admin that a page leads to."""
    found = {unescape(link) for link in _LINK.findall(answer.content.decode())}
    absolute = {link if link.startswith("/") else f"{path}{link}" for link in found if link}
    ours = {link.removeprefix(ADMIN) for link in absolute if link.startswith(ADMIN)}
    return {
        link for link in ours if link.startswith(("payments/", "outbox/", "ledger/", "webhooks/"))
    }


def test_an_empty_list_says_so_in_a_sentence():
    desk = Desk()

    for path in LISTS:
        text = desk.read(path)
        assert "0 shown" in text
        assert re.search(r"(There is|No|Nobody|Nothing) [\w ,.:']+\.", text), path


def test_every_page_that_another_one_leads_to_opens():
    shop = a_shop()
    payment = shop.sold()
    told(payment, "charge.succeeded", provider_id="ch_2")
    shop.refund(payment, amount=300, key="r-1")
    drain()
    for said in ("opened", "lost"):
        told(payment, f"dispute.{said}", provider_id="dp_1", amount=500, fee=15)
    drain()
    desk = Desk()
    seen, ahead = set[str](), {"", *LISTS}

    while ahead:
        path = ahead.pop()
        seen.add(path)
        answer = desk.get(path)
        assert answer.status_code == 200, path
        found = links(answer, f"{ADMIN}{path.partition('?')[0]}")
        # One filter at a time.
        ahead |= {link for link in found if "&" not in link} - seen
        assert len(seen) < 300, "the desk is endless"

    opened = {
        path.partition("/change/")[0].rpartition("/")[0] for path in seen if "change/" in path
    }
    kinds = ["payment", "refund", "operation", "attempt", "statuschange", "notice", "event",
             "dispute", "disputefact"]  # fmt: skip
    assert opened >= {f"payments/{kind}" for kind in kinds}
    assert opened >= {"outbox/message", "webhooks/providerevent", "ledger/account"}
    assert opened >= {"ledger/transaction", "ledger/transfer"}


def test_foreign_markup_is_shown_as_the_text_it_is(settings):
    reciting(settings, Outcome(kind=OutcomeKind.DECLINED, code=XSS, message=XSS))
    payment = a_shop().accepted(description=XSS, reference=XSS, metadata={"note": XSS})
    drain()
    desk = Desk()
    attempt = Attempt.objects.get()
    paths = [page("payments.payment", payment.id), page("payments.attempt", attempt.id),
             page("payments.operation", charge_of(payment).id), "payments/attempt/"]  # fmt: skip

    answers = [desk.get(path).content.decode() for path in paths]

    assert all("alert(&#x27;pwned&#x27;)" in answer for answer in answers)
    assert not any("<script>alert" in answer for answer in answers)


def test_a_secret_in_what_others_wrote_is_not_shown():
    payment = a_shop().accepted(description="use password=hunter2-again to get in")

    text = Desk().read(page("payments.payment", payment.id))

    assert "hunter2" not in text
    assert "[redacted]" in text


def test_a_list_of_thirty_costs_as_many_queries_as_a_list_of_one():
    shop, desk = a_shop(), Desk()

    def sell():
        payment = shop.sold()
        told(payment, "charge.succeeded", provider_id="ch_2")
        shop.refund(payment, amount=300, key=str(uuid4()))
        drain()

    def count(path):
        with CaptureQueriesContext(connections[OPERATOR]) as queries:
            assert desk.get(path, **QUERY.get(path, {})).status_code == 200
        return len(queries)

    sell()
    few = {path: count(path) for path in LISTS}
    for _ in range(29):
        sell()

    assert {path: count(path) for path in LISTS} == few


def test_a_page_costs_as_many_queries_for_thirty_attempts_as_for_one():
    payment, desk = a_shop().sold(), Desk()
    path = page("payments.payment", payment.id)

    with CaptureQueriesContext(connections[OPERATOR]) as few:
        desk.read(path)
    charge = charge_of(payment)
    for epoch in range(30):
        Attempt.objects.create(operation=charge, kind="ask", provider_key="k",
                               message_id=uuid4(), epoch=epoch)  # fmt: skip
    with CaptureQueriesContext(connections[OPERATOR]) as many:
        desk.read(path)

    assert len(many) == len(few)


def test_no_list_takes_a_lookup_that_has_no_index():
    desk = Desk()

    for path in LISTS:
        for query in ({"id__contains": "a"}, {"kind__startswith": "c"}, {"mode": "test"}):
            assert desk.get(path, **query).status_code == 302, (path, query)


def test_no_list_is_sorted_by_what_a_link_says():
    told(a_shop().sold(), "charge.succeeded", provider_id="ch_2")
    desk = Desk()

    for path in LISTS:
        with CaptureQueriesContext(connections[OPERATOR]) as queries:
            desk.read(path, o="2.3", **QUERY.get(path, {}))
        table = path.strip("/").replace("/", "_")
        ours = [one["sql"] for one in queries if f'FROM "{table}"' in one["sql"]]
        orders = {sql.partition("ORDER BY ")[2].partition(" LIMIT")[0] for sql in ours}
        assert orders == {f'"{table}"."id" DESC'}


def test_a_search_finds_whole_ids_only():
    told(a_shop().sold(), "charge.succeeded", provider_id="ch_2")
    desk = Desk()

    for path in LISTS:
        assert "takes a whole id" in desk.read(path, q="01a2")
        assert "Nothing has the id" in desk.read(path, q=str(uuid4()))


def test_a_place_that_no_link_gave_leads_to_the_start():
    desk = Desk()

    for path in LISTS:
        answer = desk.get(path, after="nowhere")
        assert (answer.status_code, answer["Location"]) == (302, f"{ADMIN}{path}?e=1")


def everything_in(table, owner):
    with owner, owner.cursor() as cursor:
        cursor.execute(f"SELECT t.* FROM {table} t ORDER BY id")
        return cursor.fetchall()


def test_nobody_adds_changes_or_deletes_a_row_by_hand(owner):
    told(a_shop().sold(), "charge.succeeded", provider_id="ch_2")
    desk = Desk()

    for path in set(LISTS) - FORMS:
        table = path.strip("/").replace("/", "_")
        before = everything_in(table, owner)
        key = before[0][0] if before else uuid4()
        assert desk.get(f"{path}add/").status_code == 403
        assert desk.post(f"{path}{key}/delete/", post="yes").status_code == 403
        desk.post(f"{path}{key}/change/", status="SUCCESS", state="8", _save="Save")
        assert everything_in(table, owner) == before


def test_who_may_not_see_a_page_does_not_see_it():
    payment = a_shop().accepted()
    desk = Desk("ledger.view_account")

    assert desk.get(page("payments.payment", payment.id)).status_code == 403
    assert desk.get("payments/payment/").status_code == 403
    assert desk.get("ledger/account/").status_code == 200


def test_pages_of_a_list_follow_each_other_without_gap_or_repetition():
    shop, desk = a_shop(), Desk()
    made = {str(shop.accepted().id) for _ in range(120)}
    found, path = [], "payments/payment/"

    while path:
        answer = desk.get(path)
        found += re.findall(r"/payments/payment/([0-9a-f-]{36})/change/", answer.content.decode())
        following = [
            link for link in links(answer, f"{ADMIN}payments/payment/") if "after=" in link
        ]
        path = following[0] if following else ""

    assert len(found) == len(made)
    assert set(found) == made
    assert found == sorted(found, reverse=True)


MONEY = {(1_000, "INR"): "10.00 INR", (5, "INR"): "0.05 INR", (1_234_567, "JPY"): "1,234,567 JPY",
         (1_234_567, "BHD"): "1,234.567 BHD", (-5, "EUR"): "-0.05 EUR", (None, "EUR"): "–",
         (7, "???"): "7 minor units of ???"}  # fmt: skip


@pytest.mark.parametrize(("money", "written"), MONEY.items())
def test_money_is_written_with_the_decimals_of_its_currency(money, written):
    assert words.amount(*money) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3_600, "1 h"), (200_000, "2 d 7 h")],
)
def test_a_duration_is_written_in_its_two_largest_units(seconds, written):
    assert words.duration(seconds) == written
