"""What ``test_meanings`` asks, of tests that commit."""

import pytest

from tests.config.test_gauges import TestValues  # noqa: F401 - collected here, too
from tests.core.test_idempotency_pruning import (  # noqa: F401
    test_the_serving_role_deletes_what_is_too_old_and_nothing_else,
)

pytestmark = pytest.mark.usefixtures("in_the_orms_words")
