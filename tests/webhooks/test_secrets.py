"""Secrets of endpoints: rotated with overlap, sealed under a key that can be changed."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from standardwebhooks import Webhook, WebhookVerificationError

from core.caches import forget
from core.db import rows
from tests.money import drain, hurry, problem, run_due
from tests.webhooks.endpoint_shop import sell, told
from tests.webhooks.sinks import Sink
from webhooks import keeping
from webhooks.models import Endpoint, EndpointSecret
from webhooks.sealing import CannotOpen

pytestmark = pytest.mark.usefixtures("committed_db")


class TestARotation:
    def test_signs_with_both_for_a_while(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        answer = endpoint.post("rotate")
        sell(endpoint.shop)

        drain()

        (came,) = sink.came
        assert answer.status_code == 201
        assert answer.json()["secret"] != endpoint.secret
        assert len(came.headers["webhook-signature"].split()) == 2
        came.verified_with(endpoint.secret)
        came.verified_with(answer.json()["secret"])
        ends = EndpointSecret.objects.get(expires_at__isnull=False)
        assert ends.expires_at is not None
        assert ends.expires_at - ends.created_at > timedelta(hours=23)

    def test_ends_the_old_one_at_once_if_asked(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        secret = endpoint.post("rotate", {"overlap_hours": 0}).json()["secret"]
        sell(endpoint.shop)

        drain()

        (came,) = sink.came
        came.verified_with(secret)
        with pytest.raises(WebhookVerificationError):
            Webhook(endpoint.secret).verify(came.body, came.headers)

    def test_ends_the_old_one_in_the_end(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        endpoint.post("rotate", {"overlap_hours": 168})
        rows("UPDATE webhooks_endpointsecret SET expires_at = now() WHERE expires_at IS NOT NULL")
        sell(endpoint.shop)

        drain()

        (came,) = sink.came
        assert len(came.headers["webhook-signature"].split()) == 1
        assert keeping.prune() == 1

    def test_is_made_once_by_one_key_and_shown_once(self, sink: Sink):
        endpoint, key = told(sink.url), str(uuid4())

        first, second = (endpoint.post("rotate", key=key) for _ in range(2))

        assert second.json() == {**first.json(), "secret": None}
        assert EndpointSecret.objects.count() == 2

    @pytest.mark.parametrize("hours", [-1, 169, "1", 1.5])
    def test_has_its_bounds(self, sink: Sink, hours):
        answer = told(sink.url).post("rotate", {"overlap_hours": hours})

        assert answer.status_code in {400, 422}
        assert EndpointSecret.objects.count() == 1

    def test_does_not_go_on_for_ever(self, sink: Sink):
        endpoint = told(sink.url)
        for _ in range(4):
            assert endpoint.post("rotate").status_code == 201

        assert problem(endpoint.post("rotate")) == (409, "invalid-state")
        assert endpoint.post("rotate", {"overlap_hours": 0}).status_code == 201
        assert EndpointSecret.objects.count() == 1


class TestASecret:
    def test_is_sealed_anew_with_the_current_key(self, sink: Sink, settings):
        endpoint = told(sink.url, events=["payment.created"])
        settings.WEBHOOK_SECRET_KEYS = {"new": "n" * 32, **settings.WEBHOOK_SECRET_KEYS}
        forget()

        call_command("reseal_webhook_secrets")
        settings.WEBHOOK_SECRET_KEYS = {"new": "n" * 32}
        forget()
        sell(endpoint.shop)
        drain()

        assert EndpointSecret.objects.get().key_id == "new"
        sink.came[0].verified_with(endpoint.secret)

    def test_without_its_key_is_an_error_that_names_it(self, sink: Sink, settings):
        told(sink.url)
        settings.WEBHOOK_SECRET_KEYS = {"new": "n" * 32}
        forget()

        with pytest.raises(CommandError, match="the key 'tests' is not among"):
            call_command("reseal_webhook_secrets")

    def test_without_its_key_loses_no_delivery(self, sink: Sink, settings):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        before = settings.WEBHOOK_SECRET_KEYS
        settings.WEBHOOK_SECRET_KEYS = {"new": "n" * 32}
        forget()
        run_due()
        settings.WEBHOOK_SECRET_KEYS = before
        forget()
        hurry()

        drain()

        sink.came[0].verified_with(endpoint.secret)

    def test_that_was_moved_to_another_row_does_not_open(self, sink: Sink):
        mine = told(sink.url)
        told(sink.url)
        rows(
            "UPDATE webhooks_endpointsecret SET sealed = "
            "(SELECT sealed FROM webhooks_endpointsecret WHERE endpoint_id = %s)",
            [mine.id],
        )

        with pytest.raises(CannotOpen, match="does not open"):
            keeping.valid(Endpoint.objects.values_list("id", flat=True))
