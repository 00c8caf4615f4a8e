"""What keeps the outbox healthy, inside the dispatcher and not in the queue it repairs."""

import time
from uuid import UUID

from django.conf import settings

from core import idempotency
from core.db import transaction
from core.ids import smallest_uuid7
from core.kill_points import reached
from core.logging import get_logger
from core.metrics import LOST_IN_TRANSPORT, MESSAGES_DEAD, MESSAGES_LAPSED
from dispatcher.database import TROUBLE, is_in_the_way, wait_briefly_for_locks
from dispatcher.numbering import Numberer
from dispatcher.publishing import BrokerAway, Publisher
from dispatcher.rolling import RollUp
from dispatcher.routes import FAN_OUT, ROUTES
from outbox import leasing, sweeping
from outbox.handling import Handler
from outbox.poison import CRASH_LOOP
from payments import rechecking
from webhooks import keeping

log = get_logger(__name__)

PRUNE_EVERY_SECONDS = 10.0
RECHECK_SCAN_SECONDS = 60.0


class Housekeeping:
    """Sweeping, verdicts over poison, the watch over the broker, second looks, pruning, numbers."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._numberer = Numberer(FAN_OUT)
        self._roll_up = RollUp()
        self._next_sweep = 0.0
        self.has_alone = False
        self._next_prune = time.monotonic() + PRUNE_EVERY_SECONDS
        self._next_recheck = time.monotonic() + RECHECK_SCAN_SECONDS

    def run_if_due(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if now >= self._next_sweep:
            self._repair(now)
        self._numberer.run_if_due()
        self._roll_up.run_if_due()

    def _repair(self, now: float) -> None:
        self._next_sweep = now + settings.SWEEP_EVERY.total_seconds()
        self._watch_broker()
        self._sweep()
        bury_convicted()
        if now >= self._next_prune:
            self._prune(now)
        if now >= self._next_recheck:
            self._stage_rechecks(now)

    def _watch_broker(self) -> None:
        try:
            has_forgotten = self._publisher.has_forgotten()
        except BrokerAway:
            return  # the breaker deals with that
        if has_forgotten:
            expired = leasing.expire_unstarted()
            log.warning("broker.forgot", expired=expired)

    def _sweep(self) -> None:
        swept = sweeping.sweep(settings.RUN_LEASE)
        if swept.lost:
            LOST_IN_TRANSPORT.inc(swept.lost)
        self.has_alone = leasing.any_alone()
        if swept.lapsed:
            MESSAGES_LAPSED.inc(swept.lapsed)
        if swept.lost or swept.lapsed:
            log.warning("messages.swept", lost=swept.lost, lapsed=swept.lapsed)

    def _prune(self, now: float) -> None:
        # Set first: pruning that fails must not come back before any work is done.
        self._next_prune = now + PRUNE_EVERY_SECONDS
        before = smallest_uuid7(time.time() - settings.DONE_KEPT.total_seconds())
        pruned = sweeping.prune(before, settings.DONE_KEPT)
        expired = idempotency.prune(settings.IDEMPOTENCY_KEPT)
        keeping.prune()
        if pruned == sweeping.PRUNE_LIMIT or expired == idempotency.PRUNE_LIMIT:
            self._next_prune = now  # more are waiting
        if pruned or expired:
            log.info("pruned", messages=pruned, idempotency_records=expired)

    def _stage_rechecks(self, now: float) -> None:
        self._next_recheck = now + RECHECK_SCAN_SECONDS
        staged = rechecking.stage_due()
        if staged == rechecking.STAGED_MAX:
            self._next_recheck = now  # more are waiting
        if staged:
            log.info("rechecks.staged", operations=staged)


def bury_convicted() -> None:
    """Make the messages dead that keep killing their workers, with what follows from it.

    None of them can end the dispatcher: what cannot be buried is never claimed again, and waits.
    """
    for message_id, subject_id, kind in sweeping.convicted():
        ids = {"message_id": str(message_id), "kind": kind}
        handler = ROUTES.get(kind)
        if handler is None:
            log.warning("message.unknown_kind", **ids)  # another release wrote it, and knows it
            continue
        try:
            _bury(handler, message_id, subject_id)
        except TROUBLE as error:
            if not is_in_the_way(error):
                raise
            log.warning("message.bury_held_up", error=repr(error), **ids)
        except Exception:
            log.exception("message.bury_failed", **ids)


def _bury(handler: Handler, message_id: UUID, subject_id: UUID) -> None:
    with transaction():
        wait_briefly_for_locks()
        case = handler.load([subject_id])
        reached("sweeper.before_burial")
        dead = sweeping.bury([message_id])
        handler.bury(case, dead, CRASH_LOOP)
        reached("sweeper.burial_uncommitted")
    reached("sweeper.after_burial")
    for message in dead:
        MESSAGES_DEAD.inc()
        ids = {"message_id": str(message.id), "kind": message.kind}
        log.error("message.dead", reason="crash_loop", **ids)
