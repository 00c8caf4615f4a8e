"""Who did what to which thing, and why: append-only, written with the change it tells of."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length, Now, Trim
from django.db.models.lookups import GreaterThan

from core import provider_text
from core.db import needs_transaction
from core.ids import uuid7
from core.logging import current, get_logger
from core.redaction import clean, names_nobody
from core.schema import XidField

log = get_logger(__name__)

REASON_LENGTH_MAX = 2000


class ActRefused(Exception):
    """What an operator wants is not possible, or no longer; says why."""


def _said(field: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        name=f"audit_says_{field}", condition=Q(GreaterThan(Length(Trim(field)), 0))
    )


class AuditEntry(models.Model):
    """One act of a person. ``before`` and ``after`` hold what it changed, never a secret.

    ``core/migrations/0003_*`` stamps ``at`` and ``xid`` whatever was named, and refuses changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=Now())
    actor = models.TextField()
    action = models.TextField()
    subject_type = models.TextField()
    subject_id = models.TextField()
    reason = models.TextField()
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    request_id = models.TextField(default="")
    xid = XidField()

    class Meta:
        verbose_name_plural = "audit entries"
        default_permissions: ClassVar = ["view"]
        indexes: ClassVar = [
            models.Index(fields=["subject_id", "-id"], name="audit_by_subject"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]
        constraints: ClassVar = [
            _said("actor"),
            _said("action"),
            _said("subject_id"),
            _said("reason"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


def says_something(reason: str) -> bool:
    """Test whether a reason has a word in it, and not only what nobody can read."""
    return any(character.isalnum() for character in reason)


def refuse_as_name(name: str) -> None:
    """Let no name be one that pages and this log would have to hide.

    :raises ActRefused: if it holds a key or a card number
    """
    if names_nobody(name):
        message = "the name holds what looks like a key or a card number; it was not kept"
        raise ActRefused(message)


def last_act(subject_id: UUID | str) -> str:
    """Return the id of what was last done to something; nothing if nobody did anything."""
    found = AuditEntry.objects.filter(subject_id=str(subject_id)).order_by("-id")
    return str(found.values_list("id", flat=True).first() or "")


def refuse_unless_last(subject_id: UUID | str, seen: str) -> None:
    """Refuse to act on what somebody else acted on since it was seen; lock it first.

    :raises ActRefused: with who did what, and why
    """
    last = AuditEntry.objects.filter(subject_id=str(subject_id)).order_by("-id").first()
    if (str(last.id) if last else "") == seen:
        return
    message = "this is not how it stood; look at it again"
    if last:
        done = f"{last.action}, because “{last.reason}”"
        message = f"since you looked, {last.actor} acted on it: {done}; look at it again"
    raise ActRefused(message)


@needs_transaction
def record(  # noqa: PLR0913 - an entry's parts, all by keyword
    *,
    actor: str,
    action: str,
    subject_type: str,
    subject_id: UUID | str,
    reason: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> UUID:
    """Write an entry in the transaction of the act it tells of, and return its id.

    :raises ValueError: if nobody, or no reason, is named
    """
    if not actor.strip() or not says_something(reason):
        message = "an act needs somebody who does it, and a reason"
        raise ValueError(message)
    entry = AuditEntry.objects.create(
        actor=actor,
        action=action,
        subject_type=subject_type,
        subject_id=str(subject_id),
        # People paste what they see. Cut last: half of a secret would no longer be known for one.
        reason=provider_text.clean(clean(reason.strip()), REASON_LENGTH_MAX),
        before=dict(before),
        after=dict(after),
        request_id=current("request_id") or "",
    )
    log.warning("audit.recorded", action=action, actor=actor, subject_id=str(subject_id))
    return entry.id
