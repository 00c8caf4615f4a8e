"""What providers tell us unasked, brought to the operations it is about, set by set."""

from collections.abc import Sequence
from uuid import UUID

from core.db import needs_transaction
from payments.advancing import Cause
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Meaning, Review
from payments.models import Notice
from payments.outcomes import NOTICE, apply


@needs_transaction
def take(told: Sequence[tuple[Case, Notice]], changes: Changes) -> dict[UUID, str]:
    """Store notices as facts, and bring each payment to what all facts mean.

    Return, by notice, why a person should look at it, if one should. Taking one twice changes
    nothing.
    """
    new, reasons = [], {}
    for case, notice in told:
        if all(known.id != notice.id for known in case.notices):
            notice.operation = case.operation
            case.notices.append(notice)
            new.append(notice)
        apply(case, changes, Cause(NOTICE, notice.id))
        reasons[notice.id] = _objection(case, notice)
    Notice.objects.bulk_create(new)
    return reasons


def _objection(case: Case, notice: Notice) -> str:
    """Tell why this notice calls for a person; another fact that does is not its fault."""
    alone = Case(case.operation, case.payment, notices=[notice]).verdict()
    is_success = alone.meaning is Meaning.SUCCEEDED
    if is_success and notice.provider_id != case.operation.provider_id:
        return Review.MOVED_TWICE
    return alone.review
