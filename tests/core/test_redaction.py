import json
import logging
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest

from core.logging import bind, bound, get_logger
from core.redaction import clean
from tests.core.samples import CARDS, DISGUISED

log = get_logger("tests.redaction")
KEY = "mk_live_ab12cd34" + "Zk9" * 14
SECRETS = [
    KEY,
    "mk_test_short",
    "test_api_key",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "hunter2-in-a-url",
    "c2lnbmVkLWJ5LW5vYm9keQ==",
]
SAID = [
    KEY,
    "key=mk_test_short",
    "the demo key is test_api_key.",
    "signing with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "cannot reach postgresql://pay:hunter2-in-a-url@db:5432/pay",
    "redis://:hunter2-in-a-url@127.0.0.1/0",
    "Authorization: Bearer c2lnbmVkLWJ5LW5vYm9keQ==",
    "{'X-API-KEY': 'c2lnbmVkLWJ5LW5vYm9keQ==', 'Accept': '*/*'}",
    'X-Webhook-Signature: "t=1,v1=c2lnbmVkLWJ5LW5vYm9keQ=="',
    "password=hunter2-in-a-url host=db",
    "?api_key=hunter2-in-a-url&limit=1",
    "Cookie: sessionid=c2lnbmVkLWJ5LW5vYm9keQ==",
]
NAMES = [
    *("secret", "SECRET_KEY", "password", "db_passwd", "token", "access_token", "authorization"),
    *(
        "api_key",
        "X-API-KEY",
        "apikey",
        "signature",
        "X-Webhook-Signature",
        "Cookie",
        "private_key",
    ),
]


def fail(text):
    raise ValueError(text) from KeyError(text)


def leaks(text):
    return [secret for secret in SECRETS + CARDS + DISGUISED if secret in text]


@pytest.mark.parametrize("text", SAID + CARDS + DISGUISED)
def test_no_secret_leaves_in_any_part_of_a_line(lines, text):
    log.info("thing.done", note=text, nested={"deep": [{"er": (text,)}], text: 1}, seen={text})
    log.info("thing.%s", text)
    logging.getLogger("library").warning("saw %s", text)
    logging.getLogger("library").warning("saw", extra={"note": text})
    bind(note=text)
    log.info("thing.bound")
    try:
        fail(text)
    except ValueError:
        log.exception("thing.failed", error=ValueError(text))
        logging.getLogger("library").exception("failed")

    assert leaks(lines.getvalue()) == []
    assert len([json.loads(line) for line in lines.getvalue().splitlines()]) == 7


@pytest.mark.parametrize("text", SAID + CARDS + DISGUISED)
@pytest.mark.parametrize("beside", ["fine", "4", "12-", "a", "token", "basic", "DE89", "-0 ", "="])
def test_no_secret_leaves_beside_other_words_of_a_flat_line(lines, text, beside):
    log.info("thing.done", before=beside, note=text, after=beside, count=3, none=None)

    line = json.loads(lines.getvalue())
    assert leaks(lines.getvalue()) == []
    assert line["note"] == clean(text)
    assert (line["before"], line["after"], line["count"]) == (beside, beside, 3)


@pytest.mark.parametrize("text", [*SAID, "fine", "2026-11-28T15:07:00.123456Z 4111111111111111"])
def test_a_text_that_was_said_before_is_said_no_differently(lines, text):
    for _ in range(3):
        log.info("thing.done", note=text, **{text: 1})

    assert leaks(lines.getvalue()) == []
    assert {json.loads(line)["note"] for line in lines.getvalue().splitlines()} == {clean(text)}


@pytest.mark.parametrize("name", NAMES)
def test_a_value_named_like_a_secret_is_masked(lines, name):
    log.info("thing.done", **{name: "plain", "headers": {name: ["plain"]}})

    line = json.loads(lines.getvalue())
    assert line[name] == line["headers"][name] == "[redacted]"


def test_numbers_that_are_cards_are_masked(lines):
    log.info("thing.done", number=4111111111111111, amount=999_999_999_999, big=10**15)

    line = json.loads(lines.getvalue())
    assert (line["number"], line["amount"], line["big"]) == ("[card]", 999_999_999_999, 10**15)


def test_what_is_no_secret_is_left_alone(lines):
    payment = "0193a2f0-5b1c-7c3e-9d2a-6f1e0c9b7a55"
    log.info("thing.done", payment_id=UUID(payment), url="https://shop.example/a:b", ok=True)

    line = json.loads(lines.getvalue())
    assert line["payment_id"] == payment
    assert line["url"] == "https://shop.example/a:b"
    assert line["ok"] is True


def test_a_line_has_a_utc_time_a_level_a_logger_and_the_bound_ids(lines):
    with bound(payment_id="p-1"):
        log.warning("thing.odd", count=3)
    log.info("thing.after")

    first, second = map(json.loads, lines.getvalue().splitlines())
    assert first["timestamp"].endswith("Z")
    assert (first["event"], first["level"], first["logger"]) == (
        *("thing.odd", "warning", "tests.redaction"),
    )
    assert (first["payment_id"], first["count"]) == ("p-1", 3)
    assert "payment_id" not in second


def test_a_library_logs_in_the_same_form(lines):
    with bound(request_id="r-1"):
        logging.getLogger("library").error("it is %d", 5)

    line = json.loads(lines.getvalue())
    assert (line["event"], line["level"], line["logger"]) == ("it is 5", "error", "library")
    assert line["request_id"] == "r-1"


def test_a_cycle_does_not_hang_the_log(lines):
    value: dict[str, Any] = {}
    value["again"] = value

    log.info("thing.done", value=value)

    assert "…" in lines.getvalue()


def test_a_value_that_cannot_be_shown_does_not_lose_the_line(lines):
    class Shy:
        def __str__(self):
            raise RuntimeError("no")

    log.info("thing.done", value=Shy())

    assert json.loads(lines.getvalue())["value"] == "<Shy: RuntimeError>"


@pytest.mark.usefixtures("lines")
def test_a_line_that_cannot_be_formatted_is_named_and_not_printed_raw(capsys):
    broken = {"name": "library", "msg": "%d", "args": (SECRETS[3],)}

    logging.getLogger().handlers[0].handle(logging.makeLogRecord(broken))

    error = capsys.readouterr().err
    assert error.startswith("a log line of library was lost: TypeError")
    assert leaks(error) == []


def test_a_line_that_cannot_be_written_stops_nobody_and_is_named(lines, capsys):
    lines.close()

    log.info("thing.done", note=SECRETS[3])

    error = capsys.readouterr().err
    assert error == "a log line of tests.redaction was lost: ValueError\n"


def test_a_line_below_the_level_is_not_written(lines):
    logging.getLogger().setLevel(logging.WARNING)

    log.info("thing.done")
    log.warning("thing.odd")

    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == ["thing.odd"]


@pytest.mark.parametrize("part", ["token", "secret-", "x://", "mk_live_", "a:", "4 ", "basic "])
def test_a_hostile_text_costs_little(part):
    began = perf_counter()
    clean(part * (64_000 // len(part)))

    assert perf_counter() - began < 1


def test_secrets_in_a_request_never_reach_the_log(client, lines):
    texts = [*SAID, *SECRETS[:4]]
    for text in texts:
        body = {"amount": 1, "currency": "INR", "description": text, "metadata": {"k": text}}
        client.post("/api/orders/", body, content_type="application/json")
        client.get("/api/orders/", {"note": text}, HTTP_X_API_KEY=text, HTTP_REFERER=text)
        client.get("/api/bug/", HTTP_AUTHORIZATION=text, HTTP_COOKIE=text)

    assert lines.getvalue().count("request.done") == 3 * len(texts)
    assert leaks(lines.getvalue()) == []
