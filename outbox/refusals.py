"""What SQLite refuses in the outbox: ``outbox/migrations/0002_*`` once more (``core.refusals``)."""

from core.refusals import Refusal, append_only

_MESSAGE = "outbox_message"
REFUSALS = [
    Refusal(
        _MESSAGE,
        "outbox_done_stays_done",
        "UPDATE",
        "a done message is over; ask for a new operation",
        "OLD.state = 8",
    ),
    Refusal(
        _MESSAGE,
        "outbox_epoch_only_grows",
        "UPDATE",
        "an epoch never goes back",
        "NEW.epoch < OLD.epoch",
    ),
    Refusal(
        _MESSAGE,
        "outbox_claim_raises_epoch",
        "UPDATE",
        "a claim raises the epoch",
        "OLD.state <> 1 AND NEW.state = 1 AND NEW.epoch <= OLD.epoch",
    ),
    Refusal(
        _MESSAGE,
        "outbox_only_done_is_deleted",
        "DELETE",
        "only a done message may be deleted",
        "OLD.state <> 8",
    ),
    append_only("outbox_lapse"),
]
