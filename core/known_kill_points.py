"""Every kill point: what is done before it, what would come after it, and what repairs that.

`docs/exactly-once.md` has the same table; a test compares.
"""

from typing import NamedTuple


class Point(NamedTuple):
    """A place between two steps of which at least one is durable, or seen outside."""

    after: str
    before: str
    recovers: str


_RETRY = "nothing was written; the merchant's retry is a new request"
_REPLAY = "all is written; the merchant's retry gets the stored answer"
_TOLD = "the lease runs out; it is sent again, and known by its id"
_ROLLBACK = "rolled back"
_AGAIN = f"{_ROLLBACK}; the provider sends the webhook again"
_LEASE = "the lease runs out; the sweeper returns it, unspent"
_LAPSE = "the lease runs out; whoever is next asks by the same key, or looks"
_ASKED = f"{_ROLLBACK}; as worker.after_answer"
_POLL = "the next poll finds the row"
_SWEPT = f"{_ROLLBACK}; the next sweep"
_UNHURRIED = f"{_ROLLBACK}; the provider is asked all the same, only later"
_RELOAD = "all is written; the payer's browser may ask again"
_LOOKED = f"{_ROLLBACK}; the next look"
_PERSON = f"{_ROLLBACK}; the operator sees it as before"
_ACTED = "all is written; the page shows it"

POINTS: dict[str, Point] = {
    "web.before_create": Point("the request is read", "the one statement", _RETRY),
    "web.after_create": Point("the one statement's commit", "the hint", f"{_REPLAY}; {_POLL}"),
    "web.after_key_lock": Point("the key's lock", "the first row of what is asked", _RETRY),
    "web.before_refund": Point("the payment's lock", "the refund's row", _RETRY),
    "web.after_refund": Point("the refund's row", "operation, room, booking, event", _RETRY),
    "web.after_refund_booked": Point("the booking", "the refund's message", _RETRY),
    "web.after_refund_staged": Point("the refund's message", "the stored answer", _RETRY),
    "web.before_hold": Point("the payment's lock", "a capture's or void's row", _RETRY),
    "web.after_hold": Point("a capture's or void's row", "its message", _RETRY),
    "web.after_hold_staged": Point("its message", "the stored answer", _RETRY),
    "web.after_close": Point("an unsent charge is closed", "its message's end", _RETRY),
    "web.after_withdrawal": Point("its message's end", "the stored answer", _RETRY),
    "web.refund_uncommitted": Point("the stored answer", "COMMIT", _RETRY),
    "web.after_refund_commit": Point("COMMIT of a refund", "the hint", f"{_REPLAY}; {_POLL}"),
    "web.after_hold_commit": Point(
        "COMMIT of a capture or cancellation", "the hint", f"{_REPLAY}; {_POLL}"
    ),
    "web.before_answer": Point("the hint", "the answer to what was asked", _REPLAY),
    "ingress.after_verify": Point("the signature", "the event's row", _AGAIN),
    "ingress.after_event": Point("the event's row", "its message", _AGAIN),
    "ingress.uncommitted": Point("the message", "COMMIT", _AGAIN),
    "ingress.after_commit": Point("COMMIT", "the hint", f"{_POLL}; a duplicate is known"),
    "ingress.before_answer": Point("the hint", "the 200", "a duplicate is known"),
    "dispatcher.before_claim": Point("due messages are seen", "the claim", "still due"),
    "dispatcher.after_claim": Point("the claim's commit", "more claims, or the publish", _LEASE),
    "dispatcher.after_lone_claim": Point("a lone message's claim", "its publish", _LEASE),
    "dispatcher.before_publish": Point("all claims", "the first job to the broker", _LEASE),
    "dispatcher.in_publish": Point(
        "a job is in the pipeline, or alone and sent",
        "the next one, or the send",
        f"nothing to do if it was sent, else {_LEASE}",
    ),
    "dispatcher.after_publish": Point("the broker has all jobs", "the next look", "nothing to do"),
    "dispatcher.before_give_back": Point("a publish failed", "the jobs are given back", _LEASE),
    "dispatcher.give_back_uncommitted": Point("the jobs are given back", "COMMIT", _LEASE),
    "dispatcher.after_give_back": Point("COMMIT of that", "the next probe", "due after a pause"),
    "dispatcher.forgot_uncommitted": Point("leases of a lost broker end", "COMMIT", _LEASE),
    "sweeper.lost_uncommitted": Point("lost messages are returned", "COMMIT", _SWEPT),
    "sweeper.after_lost": Point("COMMIT of that", "the sweep of lapsed ones", "the next sweep"),
    "sweeper.lapsed_uncommitted": Point("lapsed ones are returned, noted", "COMMIT", _SWEPT),
    "sweeper.after_lapsed": Point("COMMIT of that", "the verdict over poison", "the next sweep"),
    "sweeper.before_burial": Point("a convicted one is locked", "it is dead", "the next verdict"),
    "sweeper.burial_uncommitted": Point(
        "it is dead, with its review and inquiry", "COMMIT", f"{_ROLLBACK}; the next verdict"
    ),
    "sweeper.after_burial": Point("COMMIT of a burial", "the next one", "nothing to do"),
    "sweeper.prune_uncommitted": Point("old messages are deleted", "COMMIT", "the next pruning"),
    "sweeper.after_prune": Point("COMMIT of that", "the pruning of keys", "the next pruning"),
    "recheck.after_take": Point("failed operations are taken", "their messages", _SWEPT),
    "recheck.uncommitted": Point("their messages", "COMMIT", _SWEPT),
    "recheck.after_commit": Point("COMMIT", "the next look", _POLL),
    "rollup.uncommitted": Point("a block is added to the snapshots", "COMMIT", _SWEPT),
    "rollup.after_commit": Point("COMMIT of a block", "the next one", "balances are exact anyway"),
    "numbering.after_numbers": Point("events are numbered", "their deliveries", _LOOKED),
    "numbering.uncommitted": Point("the deliveries of these events", "COMMIT", _LOOKED),
    "numbering.after_commit": Point("COMMIT of a batch", "the next one", "the next look"),
    "worker.on_receive": Point("the job has left the broker", "the first statement", _LEASE),
    "worker.before_start": Point("the payments are locked", "the start", _LEASE),
    "worker.after_start": Point("the start", "the attempt", f"{_ROLLBACK}; {_LEASE}"),
    "worker.prepare_uncommitted": Point("the attempt", "COMMIT", f"{_ROLLBACK}; {_LEASE}"),
    "worker.after_intent": Point("start and attempt are committed", "any call", _LAPSE),
    "worker.before_send": Point("the time to send is checked", "the request leaves", _LAPSE),
    "worker.answer_begun": Point("the head of the answer", "its body", _LAPSE),
    "worker.after_send": Point("the answer to one try", "another try, or the end", _LAPSE),
    "worker.before_look": Point("the answer to a send", "the look-up that weighs it", _LAPSE),
    "worker.after_answer": Point("the provider's answer", "BEGIN of settling", _LAPSE),
    "worker.before_settle": Point("answers are gathered", "BEGIN of settling", _LAPSE),
    "worker.after_fence": Point("payments and messages are locked", "the first write", _ASKED),
    "worker.after_answer_stored": Point("the answer is on its attempt", "the fold", _ASKED),
    "worker.after_outcome": Point("status, books, events", "the message's end", _ASKED),
    "worker.settle_uncommitted": Point("the message's end", "COMMIT", _ASKED),
    "worker.after_settle": Point("COMMIT", "the task returns", "nothing to do: it was taken early"),
    "worker.fact_uncommitted": Point("an answer is kept without its message", "COMMIT", _ASKED),
    "worker.after_fact": Point("COMMIT of that", "the fold of it", "the holder of the message"),
    "worker.refold_uncommitted": Point("the fold of it", "COMMIT", "the holder of the message"),
    "worker.fail_uncommitted": Point("an attempt is spent on an error of ours", "COMMIT", _LAPSE),
    "worker.after_fail": Point("COMMIT of that", "the task returns", "the message waits its time"),
    "worker.after_local_start": Point("local work is started, committed", "its work", _LAPSE),
    "sender.before_send": Point("a merchant's endpoint is connected to", "any byte", _TOLD),
    "sender.after_send": Point("the webhook's bytes are sent", "its answer", _TOLD),
    "changes.after_rows": Point("payments, refunds, operations", "history and books", _ROLLBACK),
    "changes.after_books": Point("history and books", "events", _ROLLBACK),
    "fold.after_dispute": Point("a dispute's row", "what was said of it", _ROLLBACK),
    "fold.after_changes": Point("what an event means is written", "the event is marked", _ROLLBACK),
    "fold.after_marks": Point("the event is marked applied or parked", "its message", _ROLLBACK),
    "return.after_mark": Point("that a payer came back", "the message is due", _UNHURRIED),
    "return.uncommitted": Point("the message is due", "COMMIT", _UNHURRIED),
    "return.after_commit": Point("COMMIT of that", "the hint", f"{_RELOAD}; {_POLL}"),
    "return.before_answer": Point("the hint", "the payer is sent on", _RELOAD),
    "admin.after_message": Point("a message is replayed, held, released", "the audit", _PERSON),
    "admin.act_uncommitted": Point("the audit entry of that", "COMMIT", _PERSON),
    "admin.after_act": Point("COMMIT of that", "the hint", f"{_ACTED}; {_POLL}"),
    "admin.after_inquiry_staged": Point("an inquiry is due", "the audit", _PERSON),
    "admin.inquiry_uncommitted": Point("the audit entry of that", "COMMIT", _PERSON),
    "admin.after_inquiry": Point("COMMIT of that", "the hint", f"{_ACTED}; {_POLL}"),
    "admin.after_review": Point("a review is ended", "event and audit", _PERSON),
    "admin.review_uncommitted": Point("event, audit, what was seen", "COMMIT", _PERSON),
    "admin.after_review_commit": Point("COMMIT of that", "the answer", _ACTED),
    "admin.after_event_staged": Point("a parked event is to be applied", "the audit", _PERSON),
    "admin.event_uncommitted": Point("the audit entry of that", "COMMIT", _PERSON),
    "admin.after_event_commit": Point("COMMIT of that", "the hint", f"{_ACTED}; {_POLL}"),
    "admin.before_answer": Point("an act and its hint", "the answer", _ACTED),
}
