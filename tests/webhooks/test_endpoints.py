"""Merchants say where they want to be told, and nobody but them sees the secret, once."""

import base64
import json
from uuid import uuid4

import pytest

from core.models import IdempotencyRecord
from tests.money import a_shop, drain, problem
from tests.webhooks.endpoint_shop import (
    ENDPOINTS,
    delete,
    events,
    make,
    numbers,
    patch,
    sell,
    told,
)
from tests.webhooks.sinks import Sink
from webhooks.models import Endpoint, EndpointSecret
from webhooks.receivers import ENDPOINTS_MAX
from webhooks.resolving import NotNow

pytestmark = pytest.mark.usefixtures("committed_db")


class TestANewEndpoint:
    def test_is_shown_with_its_secret(self, sink: Sink):
        shop = a_shop()

        answer = make(shop, sink.url, events=["payment.succeeded"], description="Our shop")

        body = answer.json()
        assert answer.status_code == 201
        assert answer["Location"] == f"{ENDPOINTS}{body['id']}/"
        assert answer["Cache-Control"] == "no-store"
        assert len(base64.b64decode(body.pop("secret").removeprefix("whsec_"))) == 32
        assert shop.get(answer["Location"]).json() == body
        assert shop.get(ENDPOINTS).json() == {"results": [body], "next": None}

    def test_is_made_once_by_one_key_and_its_secret_is_not_shown_again(self, sink: Sink):
        shop, key = a_shop(), str(uuid4())

        first, second = make(shop, sink.url, key=key), make(shop, sink.url, key=key)

        assert second.status_code == 201
        assert second["Idempotency-Replayed"] == "true"
        assert second.json() == {**first.json(), "secret": None}
        assert Endpoint.objects.count() == 1

    def test_leaves_its_secret_nowhere_in_clear(self, sink: Sink, lines, owner):
        endpoint = told(sink.url)
        secret = endpoint.secret.removeprefix("whsec_")

        with owner.cursor() as cursor:
            cursor.execute("SELECT sealed, s::text FROM webhooks_endpointsecret s")
            ((sealed, text),) = cursor.fetchall()
        kept = IdempotencyRecord.objects.get().body
        for place in (lines.getvalue(), text, kept, repr(EndpointSecret.objects.get())):
            assert secret not in place
            assert endpoint.secret not in place
        assert base64.b64decode(secret) not in bytes(sealed)

    def test_needs_a_key(self, sink: Sink):
        answer = a_shop().post(ENDPOINTS, {"url": sink.url})

        assert problem(answer) == (400, "idempotency-key-missing")

    @pytest.mark.parametrize("url", ["https://127.0.0.1/", "http://example.com/", "x"])
    def test_that_leads_inside_is_refused_and_refused_again(self, url):
        shop, key = a_shop(), str(uuid4())

        first, second = make(shop, url, key=key), make(shop, url, key=key)

        assert problem(first) == problem(second) == (422, "webhook-url-forbidden")
        assert second["Idempotency-Replayed"] == "true"
        assert Endpoint.objects.count() == 0

    def test_whose_name_nobody_looks_up_now_can_be_asked_for_again_by_the_same_key(
        self, monkeypatch
    ):
        def hangs(host, seconds):
            raise NotNow(host)

        shop, key, url = a_shop(), str(uuid4()), "https://shop.example.com/"
        monkeypatch.setattr("webhooks.api.resolve", hangs)
        first = make(shop, url, key=key)
        monkeypatch.setattr("webhooks.api.resolve", lambda *_: ["93.184.216.34"])
        second = make(shop, url, key=key)

        assert problem(first) == (503, "overloaded")
        assert first["Retry-After"] == "1"
        assert second.status_code == 201

    def test_whose_name_servers_take_long_lets_its_merchant_wait_and_nobody_else(self, monkeypatch):
        asked = []

        def slow(host, _):
            asked.append(host)
            return ["93.184.216.34"]

        shop, other = a_shop(), a_shop()
        monkeypatch.setattr("webhooks.api.resolve", slow)
        with monkeypatch.context() as long:
            long.setattr("webhooks.sparing.PATIENCE_SECONDS", -1.0)
            assert make(shop, "https://slow.example.com/").status_code == 201

        again, others = make(shop, "https://a.example.com/"), make(other, "https://b.example.com/")

        assert (problem(again), others.status_code) == ((503, "overloaded"), 201)
        assert asked == ["slow.example.com", "b.example.com"]
        monkeypatch.setattr("webhooks.sparing._resting_until", {})
        assert make(shop, "https://c.example.com/").status_code == 201

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"events": "payment.succeeded"}, 400),
            ({"events": [1]}, 400),
            ({"events": []}, 422),
            ({"events": ["payment"]}, 422),
            ({"events": ["payment.*"]}, 422),
            ({"events": ["payment.suceeded"]}, 422),
            ({"events": ["webhook_endpoint.test"]}, 422),
            ({"events": ["Payment.succeeded"]}, 422),
            ({"events": ["payment.created"] * 101}, 422),
            ({"description": ""}, 422),
            ({"secret": "whsec_mine"}, 400),
            ({"url": None}, 400),
            ({"url": 5}, 400),
        ],
    )
    def test_of_another_form_is_refused(self, sink: Sink, body, status):
        answer = a_shop().post(ENDPOINTS, {"url": sink.url, **body}, Idempotency_Key=str(uuid4()))

        assert answer.status_code == status, answer.content
        assert Endpoint.objects.count() == 0

    def test_is_one_of_so_many(self, sink: Sink):
        shop = a_shop()
        for _ in range(ENDPOINTS_MAX):
            endpoint = told(sink.url, shop=shop)

        one_more = make(shop, sink.url)
        delete(shop, endpoint.path)

        assert problem(one_more) == (409, "invalid-state")
        assert make(shop, sink.url).status_code == 201
        assert make(a_shop(), sink.url).status_code == 201


class TestAnEndpoint:
    def test_can_be_changed(self, sink: Sink):
        endpoint = told(sink.url)

        answer = patch(
            endpoint.shop, endpoint.path, {"events": ["refund.created"], "description": "Other"}
        )

        assert answer.status_code == 200
        row = endpoint.row
        assert (row.events, row.description, row.url) == (["refund.created"], "Other", sink.url)

    def test_cannot_be_led_inside(self, sink: Sink):
        endpoint = told(sink.url)

        answer = patch(endpoint.shop, endpoint.path, {"url": "https://10.0.0.1/"})

        assert problem(answer) == (422, "webhook-url-forbidden")
        assert endpoint.row.url == sink.url

    def test_can_be_disabled_and_enabled(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        off = patch(endpoint.shop, endpoint.path, {"status": "disabled"})
        sell(endpoint.shop)
        on = patch(endpoint.shop, endpoint.path, {"status": "enabled"})
        sell(endpoint.shop)

        drain()

        assert (off.json()["status"], off.json()["disabled_by"]) == ("disabled", "merchant")
        assert (on.json()["status"], on.json()["disabled_by"]) == ("enabled", None)
        assert events("webhook_endpoint.disabled") == events("webhook_endpoint.enabled") == 1
        assert [json.loads(came.body)["number"] for came in sink.came] == [
            numbers("payment.created")[-1]
        ]

    def test_can_be_deleted_with_its_secrets(self, sink: Sink):
        endpoint = told(sink.url)
        sell(endpoint.shop)

        answer = delete(endpoint.shop, endpoint.path)
        drain()

        assert answer.status_code == 204
        assert sink.came == []
        assert {one.status for one in endpoint.deliveries()} == {"canceled"}
        assert EndpointSecret.objects.count() == 0
        assert endpoint.shop.get(endpoint.path).status_code == 404
        assert problem(delete(endpoint.shop, endpoint.path)) == (404, "not-found")

    def test_of_somebody_else_or_the_other_mode_is_not_there(self, sink: Sink):
        endpoint = told(sink.url)
        sell(endpoint.shop)
        (delivery, *_) = endpoint.deliveries()
        others = [a_shop(), a_shop(mode="live", merchant=endpoint.shop.merchant)]

        for other in others:
            path = endpoint.path
            found = [
                other.get(path),
                other.get(f"{path}deliveries/"),
                other.get(f"{path}deliveries/{delivery.id}/"),
                patch(other, path, {"description": "mine"}),
                delete(other, path),
                *(
                    other.post(f"{path}{what}/", body, Idempotency_Key=str(uuid4()))
                    for what, body in (
                        ("rotate", {}),
                        ("test", {}),
                        ("resend", {"after": 0, "until": 9}),
                        (f"deliveries/{delivery.id}/resend", {}),
                    )
                ),
            ]
            assert {answer.status_code for answer in found} == {404}
            assert other.get(ENDPOINTS).json()["results"] == []

    def test_needs_a_key_that_may(self, sink: Sink):
        endpoint = told(sink.url)
        merchant = endpoint.shop.merchant
        reader = a_shop(scopes=("webhooks:read",), merchant=merchant)
        writer = a_shop(scopes=("webhooks:write",), merchant=merchant)

        assert reader.get(endpoint.path).status_code == 200
        assert problem(make(reader, sink.url)) == (403, "forbidden-scope")
        assert problem(delete(reader, endpoint.path)) == (403, "forbidden-scope")
        assert problem(writer.get(endpoint.path)) == (403, "forbidden-scope")
        assert make(writer, sink.url).status_code == 201


class TestATestEvent:
    def test_goes_to_this_endpoint_alone(self, sink: Sink):
        shop = a_shop()
        endpoint = told(sink.url, shop=shop, events=["refund.created"])
        told(sink.url, shop=shop)

        answer = endpoint.post("test")
        drain()

        (came,) = sink.came
        event = came.verified_with(endpoint.secret)
        assert answer.status_code == 202
        assert (event["type"], event["number"]) == ("webhook_endpoint.test", None)
        shown = shop.get(answer["Location"]).json()
        assert (shown["event"], shown["status"]) == (event["id"], "succeeded")
        assert [one["result"] for one in shown["attempts"]] == ["succeeded"]

    def test_is_not_sent_to_one_that_is_disabled(self, sink: Sink):
        endpoint = told(sink.url)
        patch(endpoint.shop, endpoint.path, {"status": "disabled"})

        assert problem(endpoint.post("test")) == (409, "invalid-state")
