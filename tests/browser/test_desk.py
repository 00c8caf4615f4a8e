"""Three in the morning: a provider was away, and somebody with a browser sets it right."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.crash.gateways import Down
from tests.crash.merchants import Merchants
from tests.crash.stack import Stack

pytestmark = pytest.mark.usefixtures("django_db_setup")

WHO, PASSWORD = "operator", "a password of this test only"
REASON = "the provider is back, see its status page"
DESCRIPTION = "<b>one</b> night stand"
SECONDS = 30

_GAVE_UP = """
    SELECT dead.id::text FROM outbox_message dead
    JOIN outbox_message inquiry USING (subject_id)
    WHERE dead.state = 9 AND inquiry.state = 0 AND inquiry.starts > 0
"""
_PAID = "SELECT 1 FROM payments_payment WHERE id = %s AND status = 'SUCCESS'"


@pytest.fixture
def stuck(begin, monkeypatch):
    """Give a stack whose only payment gave up, because its provider could not be reached."""
    stack = begin("web")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    made = stack.manage("createsuperuser", "--noinput", "--username", WHO, "--email", "")
    assert made.returncode == 0, made.stderr
    payment = Merchants(stack).pay(gateway="down", description=DESCRIPTION)
    # Twenty-five attempts take a night.
    stack.rows("UPDATE outbox_message SET max_attempts = 1")
    stack.start("dispatcher", "worker")
    ((message,),) = stack.until("the charge to give up", lambda: stack.rows(_GAVE_UP), SECONDS)
    return stack, payment, message


def open_front(page: Page, stack: Stack) -> None:
    page.goto(f"http://127.0.0.1:{stack.port}/admin/")


def log_in(page: Page, stack: Stack) -> None:
    open_front(page, stack)
    page.get_by_label("Username:").fill(WHO)
    page.get_by_label("Password:").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def find_dead(page: Page, message: str, picture) -> None:
    """Go where the front page says that something is wrong."""
    board = page.get_by_role("table", name="How things stand")
    expect(board.get_by_role("row", name="Dead messages")).to_contain_text("look here")
    picture(page, "1-front")
    board.get_by_role("link", name="Dead messages").click()
    expect(page.get_by_role("row", name=message)).to_contain_text("unreachable")
    picture(page, "2-dead")
    page.get_by_role("link", name=message).click()
    expect(page.get_by_text("Nothing is sent twice")).to_be_visible()
    picture(page, "3-message")


def replay(page: Page, reason: str) -> None:
    """Confirm the replay of the message on this page."""
    page.get_by_label("Why?").fill(reason)
    page.get_by_role("button", name="Replay").click()


def see_it_paid(page: Page, payment: str, picture) -> None:
    """Read the payment's page, and who did what there."""
    page.get_by_role("link", name=payment).click()
    expect(page.get_by_role("row", name="Status SUCCESS")).to_be_visible()
    expect(page.get_by_role("row", name="Description")).to_contain_text(DESCRIPTION)
    # The story of the payment has it, too, without what only operators read.
    act = page.get_by_role("row", name="message.replayed").filter(has_text=REASON)
    expect(act).to_contain_text(WHO)
    picture(page, "6-payment")


def see_it_refused(stale: Page, picture) -> None:
    """Send the page that stood open meanwhile."""
    replay(stale, "me, too")
    alert = stale.get_by_role("alert")
    expect(alert).to_contain_text("Refused, and nothing was done.")
    expect(alert).to_contain_text(re.compile(r"You saw it dead at epoch \d+; it is done at epoch"))
    picture(stale, "7-refused")
    stale.get_by_role("link", name="Look at it again").click()
    expect(stale.get_by_role("row", name="State done")).to_be_visible()
    expect(stale.get_by_role("link", name="Replay")).to_have_count(0)


def test_a_stuck_payment_is_found_understood_and_set_right(stuck, tabs, picture):
    stack, payment, message = stuck
    page, stale = tabs(), tabs()
    log_in(page, stack)
    find_dead(page, message, picture)
    stale.goto(page.url)
    stale.get_by_role("link", name="Replay").click()
    picture(stale, "4-confirm")

    Down.switch_on(stack.mock_db)
    page.get_by_role("link", name="Replay").click()
    replay(page, REASON)

    expect(page.get_by_text("The message is due now.")).to_be_visible()
    picture(page, "5-replayed")
    stack.until("the payment", lambda: stack.rows(_PAID, payment), SECONDS)
    see_it_paid(page, payment, picture)
    see_it_refused(stale, picture)
    open_front(page, stack)
    expect(page.get_by_text("Nothing is stuck, and nothing waits for a person.")).to_be_visible()
    picture(page, "8-calm")
    checked = stack.manage("verify", "--quiescent")
    assert checked.returncode == 0, checked.stdout
