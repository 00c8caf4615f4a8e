"""What every gateway must do with webhooks: read what is signed, and refuse all else."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

import pytest

from core.db import TransactionMisuse, transaction
from core.ids import uuid7
from gateways import registry
from gateways.base import (
    Gateway,
    NoticeMalformed,
    OutcomeKind,
    SignatureInvalid,
    SignatureStale,
)
from gateways.calling import call
from tests.gateways.making import AMOUNT, a_charge, in_time

NAME = "under_test"


class WebhookContract:
    """What a gateway does with a webhook."""

    #: Two secrets that are active at the same time, as during a roll.
    secrets: ClassVar[tuple[str, str]]

    @pytest.fixture
    def entry(self) -> dict[str, Any]:
        """Give the settings entry, with both secrets in it."""
        raise NotImplementedError

    def signed(self, body: bytes, secret: str, at: float) -> dict[str, str]:
        """Return the headers a provider would send with this body."""
        raise NotImplementedError

    def success_body(self, operation_id: UUID) -> bytes:
        """Return a provider's body for a charge of ``AMOUNT`` that succeeded."""
        raise NotImplementedError

    @pytest.fixture
    def gateway(self, entry, settings) -> Gateway:
        settings.GATEWAYS = {NAME: entry}
        return registry.get(NAME)

    def test_a_webhook_signed_by_any_active_secret_is_read(self, gateway):
        operation_id = uuid7()
        body = self.success_body(operation_id)
        now = time.time()

        notices = [
            gateway.read_webhook(self.signed(body, secret, now), body, now)
            for secret in self.secrets
        ]

        assert [notice.reference for notice in notices] == [str(operation_id)] * 2
        assert [notice.outcome.kind for notice in notices] == [OutcomeKind.SUCCEEDED] * 2
        assert [notice.outcome.amount for notice in notices] == [AMOUNT] * 2
        assert all(notice.event_id and notice.provider_id for notice in notices)

    def test_header_names_are_read_in_any_case(self, gateway):
        body = self.success_body(uuid7())
        now = time.time()
        headers = {
            name.upper(): value for name, value in self.signed(body, self.secrets[0], now).items()
        }

        assert gateway.read_webhook(headers, body, now).kind == "charge"

    def test_a_strangers_signature_is_refused(self, gateway):
        body = self.success_body(uuid7())
        now = time.time()

        with pytest.raises(SignatureInvalid):
            gateway.read_webhook(self.signed(body, "a stranger's secret", now), body, now)

    def test_a_changed_body_is_refused(self, gateway):
        body = self.success_body(uuid7())
        now = time.time()
        headers = self.signed(body, self.secrets[0], now)

        with pytest.raises(SignatureInvalid):
            gateway.read_webhook(headers, body + b" ", now)

    def test_a_missing_signature_is_refused(self, gateway):
        with pytest.raises(SignatureInvalid):
            gateway.read_webhook({}, self.success_body(uuid7()), time.time())

    @pytest.mark.parametrize("value", ["", "é", "\x00", "=", ",", "t=", "v1=", "x" * 5_000])
    def test_an_unreadable_signature_is_refused(self, gateway, value):
        body = self.success_body(uuid7())
        headers = dict.fromkeys(self.signed(body, self.secrets[0], time.time()), value)

        with pytest.raises(SignatureInvalid):
            gateway.read_webhook(headers, body, time.time())

    @pytest.mark.parametrize("seconds_away", [-301, 301])
    def test_a_signature_from_another_time_is_refused(self, gateway, seconds_away):
        body = self.success_body(uuid7())
        now = float(int(time.time()))
        headers = self.signed(body, self.secrets[0], now + seconds_away)

        with pytest.raises(SignatureStale):
            gateway.read_webhook(headers, body, now)

    @pytest.mark.parametrize("seconds_away", [-300, 300])
    def test_a_signature_within_the_tolerance_is_accepted(self, gateway, seconds_away):
        body = self.success_body(uuid7())
        now = float(int(time.time()))
        headers = self.signed(body, self.secrets[0], now + seconds_away)

        assert gateway.read_webhook(headers, body, now).outcome.kind is OutcomeKind.SUCCEEDED

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b"[" * 60_000])
    def test_a_signed_body_that_says_nothing_is_malformed_and_no_forgery(self, gateway, body):
        now = time.time()
        headers: Mapping[str, str] = self.signed(body, self.secrets[0], now)

        with pytest.raises(NoticeMalformed):
            gateway.read_webhook(headers, body, now)

    @pytest.mark.django_db
    def test_it_is_never_called_inside_a_transaction(self, gateway):
        with transaction(), pytest.raises(TransactionMisuse):
            call(NAME, "charge", a_charge(), in_time())
