"""The ORM's words mean what the statements say: the rooms' own tests, once more, in those words.

They are asked on PostgreSQL, where both can be said. What needs its row locks is left out.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.db import rows
from tests.core.test_auth import revoke
from tests.core.test_idempotency import (  # noqa: F401 - collected here, too
    TestARefusalOfTheState,
    test_a_key_used_for_another_body_is_refused,
    test_a_rotated_api_key_replays,
    test_the_replay_still_says_what_was_said_then,
    test_the_same_request_is_answered_with_the_same_bytes,
)
from tests.money import a_shop, drain
from tests.outbox.test_delivery import TestAnEnd, TestAStart  # noqa: F401
from tests.outbox.test_leasing import (  # noqa: F401
    TestAClaim,
    TestALoneClaim,
    TestGivingBack,
    test_a_broker_that_forgot_ends_the_leases_of_what_waited_in_it,
    test_a_job_that_was_started_waits_no_more,
    test_the_flight_is_jobs_and_what_nobody_started_of_them,
    test_the_lanes_with_work_are_found_whatever_their_size,
)
from tests.outbox.test_sweeping import TestASweep, TestPoison, TestPruning  # noqa: F401
from tests.payments.test_creation import (  # noqa: F401
    test_a_create_writes_one_row_a_table_and_two_accounts,
    test_a_new_payment_looks_as_the_contract_says,
    test_the_answer_is_what_the_read_serializer_says,
)
from tests.payments.test_expanding import TestRefunds, TestTheLatestAttempt  # noqa: F401
from tests.payments.test_late import (  # noqa: F401
    TestALateSuccess,
    TestARefundConfirmedAfterItFailed,
)
from tests.payments.test_lists import TestAFilter, TestTimes  # noqa: F401
from tests.payments.test_rechecking import (  # noqa: F401
    test_a_failure_is_looked_up_a_day_later,
    test_another_no_waits_for_the_next_day_until_the_window_ends,
)
from tests.payments.test_references import TestATakenReference  # noqa: F401
from tests.payments.test_refund_lists import TestTheList  # noqa: F401
from tests.payments.test_refunds import TestOfAPart, TestOfTheRest  # noqa: F401
from tests.webhooks.test_applying import TestAnEarlyWebhook, TestParked  # noqa: F401
from tests.webhooks.test_ingress import TestAWebhook  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_the_orms_words")]

# What only PostgreSQL says.
_FOREIGN = ("skip locked", "unnest", "materialized", "advisory", "as v(")


def test_nothing_is_said_in_sql_that_only_postgresql_knows():
    shop = a_shop()

    with CaptureQueriesContext(connection) as captured:
        payment = shop.sold(gateway="mock")
        refund = shop.refund(payment, amount=300, key="part")
        drain()

    said = [query["sql"].lower() for query in captured.captured_queries]
    assert refund.status_code == 201
    assert len(said) > 50
    assert [sql for sql in said if any(word in sql for word in _FOREIGN)] == []


def test_a_revoked_key_that_is_remembered_creates_nothing():
    shop = a_shop()
    payment = shop.accepted()
    revoke(shop)

    refused = shop.pay()

    assert refused.status_code == 401
    assert [str(payment.id)] == [str(one) for (one,) in rows("SELECT id FROM payments_payment")]
