"""A mock may wait for the payer, whom a clock plays, or a person at its page."""

import sqlite3
import time
from contextlib import closing

import pytest
from django.test import Client

from core.ids import uuid7
from gateways import signatures
from gateways.base import ACTION_EXPIRED, Found, Notice, OutcomeKind, Void
from gateways.mocks import actions, pages, tokens, webhook
from gateways.mocks.book import book_at
from gateways.providers.mock import Mock
from tests.gateways.making import AMOUNT, a_charge, asking_for, effects, in_time
from tests.gateways.mocking import SECRETS, body_of

PUBLIC = "https://pay.test"
BACK = "https://pay.test/return/1/?a=b"


@pytest.fixture
def mock(database) -> Mock:
    return Mock(database=database, public_url=PUBLIC)


@pytest.fixture
def browser(database, settings) -> Client:
    """Give a payer's browser, and the one gateway there is."""
    options = {"database": database, "public_url": PUBLIC}
    settings.GATEWAYS = {"mock": {"class": "gateways.providers.mock.Mock", "options": options}}
    return Client(enforce_csrf_checks=True)


def found(mock, charge):
    answer = mock.find(asking_for(charge), in_time())
    assert isinstance(answer, Found)
    return answer.outcome


def waiting(mock, method="tok_requires_action", **given):
    charge = a_charge(method, **given)
    outcome = mock.charge(charge, in_time())
    assert outcome.kind is OutcomeKind.REQUIRES_ACTION
    return charge, outcome


def pass_time(database, seconds):
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("UPDATE objects SET due_at = due_at - ?", (seconds,))


def test_a_charge_that_waits_names_a_page_of_ours_and_moves_nothing(mock, database):
    charge, outcome = waiting(mock)

    assert outcome.action_url == f"{PUBLIC}/mock/actions/{outcome.provider_id}/"
    assert found(mock, charge) == outcome
    assert effects(database, charge.operation_id) == []


def test_the_same_request_again_names_the_same_page_as_an_old_answer(mock):
    charge, outcome = waiting(mock)

    again = mock.charge(charge, in_time())

    assert (again.action_url, again.stored_answer) == (outcome.action_url, True)


@pytest.mark.parametrize(
    ("method", "kind", "code"),
    [
        ("tok_requires_action_success", OutcomeKind.SUCCEEDED, ""),
        ("tok_requires_action_failure", OutcomeKind.DECLINED, tokens.REFUSED),
        ("tok_requires_action_abandoned", OutcomeKind.DECLINED, ACTION_EXPIRED),
    ],
)
def test_a_clock_plays_the_payer(mock, database, method, kind, code):
    charge, _ = waiting(mock, method)
    pass_time(database, tokens.ACTION_SECONDS)

    outcome = found(mock, charge)

    assert (outcome.kind, outcome.code, outcome.action_url) == (kind, code, "")
    assert len(effects(database, charge.operation_id)) == (kind is OutcomeKind.SUCCEEDED)


def test_a_person_has_an_hour(mock, database):
    charge, _ = waiting(mock)
    pass_time(database, tokens.PATIENCE_SECONDS - 60)
    assert found(mock, charge).kind is OutcomeKind.REQUIRES_ACTION

    pass_time(database, 61)

    assert found(mock, charge).code == ACTION_EXPIRED


def test_a_person_approves_at_the_page_and_goes_back(mock, database, browser):
    charge, outcome = waiting(mock, return_url=BACK)
    page = outcome.action_url.removeprefix(PUBLIC)

    shown = browser.get(page).content.decode()
    answer = browser.post(page, {"deed": "approve"})

    assert f"{AMOUNT} INR" in shown
    assert "Approve" in shown
    assert (answer.status_code, answer["Location"]) == (303, f"{BACK}&charge={outcome.provider_id}")
    assert found(mock, charge).kind is OutcomeKind.SUCCEEDED
    assert effects(database, charge.operation_id) == [("charge", AMOUNT, "INR")]


def test_whoever_acts_twice_or_too_late_changes_nothing_more(mock, database, browser):
    charge, outcome = waiting(mock)
    page = outcome.action_url.removeprefix(PUBLIC)

    answers = [browser.post(page, {"deed": deed}) for deed in ("refuse", "approve", "approve")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "has declined" in answers[-1].content.decode()
    assert found(mock, charge).code == tokens.REFUSED
    assert effects(database, charge.operation_id) == []


def test_there_is_no_page_for_what_waits_for_nobody(mock, browser):
    charge = a_charge()
    done = mock.charge(charge, in_time()).provider_id
    _, outcome = waiting(mock)
    page = outcome.action_url.removeprefix(PUBLIC)

    assert browser.get(f"/mock/actions/{done}/").status_code == 404
    assert browser.post("/mock/actions/ch_none/", {"deed": "approve"}).status_code == 404
    assert browser.post(page, {"deed": "other"}).status_code == 400
    assert browser.delete(page).status_code == 405


def test_only_mocks_have_such_a_page(mock, browser, settings):
    _, outcome = waiting(mock)
    page = outcome.action_url.removeprefix(PUBLIC)
    assert pages.are_wanted(settings.GATEWAYS)

    settings.GATEWAYS = {
        "real": {
            "class": "gateways.providers.simulator.Simulator",
            "options": {"url": "http://127.0.0.1:9", "api_key": "key", "account": "acct"},
        }
    }

    assert browser.get(page).status_code == 404
    assert not pages.are_wanted(settings.GATEWAYS)


def test_a_webhook_tells_once_what_the_payer_did(database):
    book = book_at(database)
    charge, outcome = waiting(Mock(database=database))

    body = actions.act(book, outcome.provider_id, approves=False)
    assert body is not None

    header = {webhook.HEADER: signatures.sign(SECRETS[0], body, time.time())}
    notice = webhook.read(header, body, secrets=SECRETS, now=time.time())
    assert isinstance(notice, Notice)
    assert (notice.outcome.kind, notice.outcome.code) == (OutcomeKind.DECLINED, tokens.REFUSED)
    assert notice.reference == str(charge.operation_id)
    assert actions.act(book, outcome.provider_id, approves=True) is None


def test_what_a_clock_would_tell_is_not_true_when_a_person_was_faster(database):
    book = book_at(database)
    _, outcome = waiting(Mock(database=database))
    assert not actions.came_to(book, outcome.provider_id, "declined", ACTION_EXPIRED)

    actions.act(book, outcome.provider_id, approves=True)

    assert actions.came_to(book, outcome.provider_id, "succeeded", "")
    assert not actions.came_to(book, outcome.provider_id, "declined", ACTION_EXPIRED)


def test_a_charge_that_waits_for_its_payer_can_be_let_go(mock, database):
    charge, outcome = waiting(mock, captures=False)
    void = Void(
        operation_id=uuid7(), key="void", amount=AMOUNT, currency="INR",
        charge_operation_id=charge.operation_id, charge_provider_id=outcome.provider_id,
    )  # fmt: skip

    assert mock.void(void, in_time()).kind is OutcomeKind.SUCCEEDED

    assert (found(mock, charge).kind, found(mock, charge).code) == (
        OutcomeKind.DECLINED,
        "canceled",
    )
    assert actions.act(book_at(database), outcome.provider_id, approves=True) is None
    assert effects(database) == []


def test_what_a_payer_approves_is_only_held_if_it_is_to_be(mock, database):
    charge, outcome = waiting(mock, captures=False)

    mock.act(outcome.provider_id, approves=True)

    assert found(mock, charge).kind is OutcomeKind.SUCCEEDED
    assert effects(database) == []


@pytest.mark.parametrize("kind", ["pending", "requires_action"])
def test_a_webhook_may_say_that_it_goes_on_or_waits(kind):
    address = "https://pay.test/act" if kind == "requires_action" else None
    body = body_of("operation-1", type=f"charge.{kind}", action_url=address, code="action_taken")
    header = {webhook.HEADER: signatures.sign(SECRETS[0], body, time.time())}

    notice = webhook.read(header, body, secrets=SECRETS, now=time.time())

    assert isinstance(notice, Notice)
    outcome = notice.outcome

    assert (outcome.kind, outcome.code) == (OutcomeKind(kind), "action_taken")
    assert outcome.action_url == (address or "")
