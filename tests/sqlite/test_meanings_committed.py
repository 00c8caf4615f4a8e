"""What ``test_meanings`` asks, of tests that commit."""

import pytest

from tests.config.test_gauges import TestValues  # noqa: F401 - collected here, too
from tests.core.test_idempotency_pruning import (  # noqa: F401
    test_the_serving_role_deletes_what_is_too_old_and_nothing_else,
)
from tests.payments.test_feed import TestOfOneType, TestOneEvent, TestTheFeed  # noqa: F401
from tests.payments.test_lookups import TestDone  # noqa: F401
from tests.payments.test_numbering import TestABatch  # noqa: F401
from tests.webhooks.conftest import sink  # noqa: F401
from tests.webhooks.test_delivering import TestADelivery, TestWhatIsNotTaken  # noqa: F401

pytestmark = pytest.mark.usefixtures("committed_db", "in_the_orms_words")
