"""What the database itself refuses of endpoints and deliveries, in plain SQL."""

from typing import Any
from uuid import uuid4

import pytest
from psycopg2 import errors

from core.db import rows
from tests.payments.planting import insert, plant_merchant
from webhooks.receivers import ENDPOINTS_MAX


class Planted:
    """A merchant's endpoint with a delivery and an attempt."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.merchant = plant_merchant(owner)
        self.endpoint = self.add_endpoint()
        self.body = self.add_body()
        self.delivery = insert(owner, "webhooks_delivery", **self.a_delivery())
        self.attempt = insert(owner, "webhooks_deliveryattempt", **self.an_attempt())
        self.secret = insert(
            owner,
            "webhooks_endpointsecret",
            endpoint_id=self.endpoint,
            key_id="k",
            sealed=b"x",
        )

    def run(self, sql: str, *params: Any) -> None:
        with self.owner.cursor() as cursor:
            cursor.execute(sql, params)

    def add_endpoint(self, **columns: Any) -> Any:
        base = {
            "merchant_id": self.merchant, "mode": "test", "place": 1, "url": "https://e.com/",
            "events": '["*"]', "description": "", "status": "enabled", "disabled_by": "",
            "disabled_detail": "", "failures": 0, "is_slow": False, "version": 1,
        }  # fmt: skip
        return insert(self.owner, "webhooks_endpoint", **{**base, **columns})

    def add_body(self, **columns: Any) -> Any:
        base = {"merchant_id": self.merchant, "mode": "test", "type": "a.b", "content": "{}"}
        return insert(self.owner, "webhooks_body", **{**base, **columns})

    def a_delivery(self, **columns: Any) -> dict[str, Any]:
        base = {"endpoint_id": self.endpoint, "event_id": self.body, "status": "pending",
                "reason": "", "tries": 0}  # fmt: skip
        return {**base, **columns}

    def an_attempt(self, **columns: Any) -> dict[str, Any]:
        base = {"delivery_id": self.delivery, "message_id": str(uuid4()), "epoch": 1,
                "result": "", "detail": "", "excerpt": ""}  # fmt: skip
        return {**base, **columns}


@pytest.fixture
def planted(owner) -> Planted:
    return Planted(owner)


REFUSED = {
    "an endpoint of another merchant": "UPDATE webhooks_endpoint SET merchant_id = %(other)s",
    "an endpoint of the other mode": "UPDATE webhooks_endpoint SET mode = 'live'",
    "a deleted endpoint that is back": (
        "UPDATE webhooks_endpoint SET deleted_at = now();"
        " UPDATE webhooks_endpoint SET deleted_at = NULL"
    ),
    "a status that the version does not count": (
        "UPDATE webhooks_endpoint SET status = 'disabled', disabled_by = 'gone',"
        " disabled_at = now()"
    ),
    "a deleted row of an endpoint": "DELETE FROM webhooks_endpoint",
    "a secret of another endpoint": ("UPDATE webhooks_endpointsecret SET endpoint_id = %(other)s"),
    "a secret that lives longer": (
        "UPDATE webhooks_endpointsecret SET expires_at = now();"
        " UPDATE webhooks_endpointsecret SET expires_at = now() + interval '1 day'"
    ),
    "a secret that is current again": (
        "UPDATE webhooks_endpointsecret SET expires_at = now();"
        " UPDATE webhooks_endpointsecret SET expires_at = NULL"
    ),
    "another body": "UPDATE webhooks_body SET content = '{\"a\": 1}'",
    "no body": "DELETE FROM webhooks_body",
    "another event for a delivery": "UPDATE webhooks_delivery SET event_id = %(other)s",
    "no delivery": "DELETE FROM webhooks_delivery",
    "an answer that changes": (
        "UPDATE webhooks_deliveryattempt SET answered_at = now(), result = 'refused',"
        " status_code = 500; UPDATE webhooks_deliveryattempt SET result = 'succeeded',"
        " status_code = 200"
    ),
    "an attempt of another start": "UPDATE webhooks_deliveryattempt SET epoch = 2",
    "no attempt": "DELETE FROM webhooks_deliveryattempt",
    "no attempts at all": "TRUNCATE webhooks_deliveryattempt",
    "no bodies at all": "TRUNCATE webhooks_body CASCADE",
}


@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED)
def test_nobody_makes(planted: Planted, sql):
    planted.run("SET CONSTRAINTS ALL IMMEDIATE")  # or they would still be pending
    with pytest.raises(errors.RestrictViolation):
        planted.run(sql.replace("%(other)s", f"'{uuid4()}'"))


def test_an_event_goes_to_no_other_merchant(planted: Planted):
    other = Planted(planted.owner)

    with pytest.raises(errors.RestrictViolation, match="its own merchant and mode only"):
        insert(planted.owner, "webhooks_delivery", **planted.a_delivery(event_id=other.body))


def test_an_event_goes_to_no_other_mode(planted: Planted):
    live = planted.add_endpoint(mode="live")

    with pytest.raises(errors.RestrictViolation, match="its own merchant and mode only"):
        insert(planted.owner, "webhooks_delivery", **planted.a_delivery(endpoint_id=live))


def test_an_event_is_delivered_once(planted: Planted):
    with pytest.raises(errors.UniqueViolation, match="delivery_once"):
        insert(planted.owner, "webhooks_delivery", **planted.a_delivery())


def test_a_start_has_one_attempt(planted: Planted):
    once = planted.an_attempt()
    insert(planted.owner, "webhooks_deliveryattempt", **once)

    with pytest.raises(errors.UniqueViolation, match="delivery_attempt_once_per_start"):
        insert(planted.owner, "webhooks_deliveryattempt", **once)


def test_an_endpoint_has_one_current_secret(planted: Planted):
    with pytest.raises(errors.UniqueViolation, match="endpoint_secret_one_current"):
        insert(
            planted.owner,
            "webhooks_endpointsecret",
            endpoint_id=planted.endpoint,
            key_id="k",
            sealed=b"y",
        )


def test_a_place_is_taken_once_until_it_is_given_up(planted: Planted):
    planted.run("UPDATE webhooks_endpoint SET deleted_at = now()")
    planted.add_endpoint()

    with pytest.raises(errors.UniqueViolation, match="endpoint_place_once"):
        planted.add_endpoint()


ADD_BODY = """
    INSERT INTO webhooks_body (id, merchant_id, mode, type, content)
    SELECT gen_random_uuid(), merchant_id, %s, type, content FROM webhooks_body
"""
SUCCEED = "UPDATE webhooks_deliveryattempt SET answered_at = now(), result = 'succeeded'"
BROKEN = {
    "an endpoint beyond the last place": (
        "UPDATE webhooks_endpoint SET place = %s", ENDPOINTS_MAX + 1, "endpoint_places_bounded"),
    "an endpoint disabled by nobody": (
        "UPDATE webhooks_endpoint SET status = 'disabled', version = %s", 2,
        "endpoint_disabled_for_a_reason"),
    "failures since never": (
        "UPDATE webhooks_endpoint SET failures = %s", 1, "endpoint_failing_iff_failures"),
    "a mode of its own": (
        ADD_BODY, "dev", "body_mode_known"),
    "a delivery that is over without an end": (
        "UPDATE webhooks_delivery SET status = %s", "succeeded", "delivery_finished_iff_over"),
    "a failure without a reason": (
        "UPDATE webhooks_delivery SET status = %s, finished_at = now()", "failed",
        "delivery_reason_iff_unsuccessful"),
    "a success that is no 2xx": (
        f"{SUCCEED}, status_code = %s", 302, "delivery_attempt_success_is_2xx"),
    "a result without an answer": (
        "UPDATE webhooks_deliveryattempt SET result = %s", "refused",
        "delivery_attempt_result_iff_answered"),
    "a result that is none": (
        "UPDATE webhooks_deliveryattempt SET answered_at = now(), result = %s", "maybe",
        "delivery_attempt_result_known"),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "value", "constraint"), BROKEN.values(), ids=BROKEN)
def test_there_is_no(planted: Planted, sql, value, constraint):
    with pytest.raises(errors.CheckViolation, match=constraint):
        planted.run(sql, value)


@pytest.mark.django_db
class TestTheRoles:
    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE webhooks_body SET content = ''",
            "DELETE FROM webhooks_delivery",
            "UPDATE webhooks_endpoint SET merchant_id = id",
            "DELETE FROM webhooks_endpoint",
            "UPDATE webhooks_deliveryattempt SET delivery_id = id",
        ],
    )
    def test_who_serves_may_not(self, sql):
        with pytest.raises(Exception, match="permission denied"):
            rows(sql)

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT sealed FROM webhooks_endpointsecret",
            "SELECT * FROM webhooks_endpointsecret",
            "UPDATE webhooks_endpoint SET url = ''",
            "UPDATE webhooks_delivery SET status = 'pending'",
            "INSERT INTO webhooks_deliveryattempt (id) VALUES (gen_random_uuid())",
        ],
    )
    def test_an_operator_may_not(self, operator, sql):
        with operator.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
            cursor.execute(sql)
