"""Mistakes at the doors of merchants and providers: what is promised, and what is known already."""

from tests.planted.planting import Edit, Mistake

_INGRESS = "webhooks/ingress.py"
_KEYS = "core/idempotency.py"
_DIGEST = "sha256(body).hexdigest()"

MISTAKES = (
    Mistake(
        "answer-kept-apart",
        "The answer to a key is stored after the commit of what it promises.",
        "tests.kills --only refunds/:",
        (
            Edit(_KEYS, "import needs_transaction,", "import after_commit, needs_transaction,"),
            Edit(
                _KEYS,
                "    IdempotencyRecord.objects.create(\n",
                "    after_commit(lambda: IdempotencyRecord.objects.create(\n",
            ),
            Edit(
                _KEYS,
                """        body=answer.body,
    )
""",
                """        body=answer.body,
    ))
""",
            ),
        ),
    ),
    Mistake(
        "answer-written-anew",
        "A replay is the same answer, but not the same bytes.",
        "tests.kills --only same_key/:",
        (
            Edit(
                _KEYS,
                "from dataclasses import dataclass, field\n",
                "from dataclasses import dataclass, field, replace\n",
            ),
            Edit(
                _KEYS,
                "    return answer.response(replayed=True)",
                "    same = json.dumps(json.loads(answer.body), indent=1)\n"
                "    return replace(answer, body=same).response(replayed=True)",
            ),
        ),
    ),
    Mistake(
        "staged-after-the-commit",
        "The message about a webhook is staged when the webhook is committed.",
        "tests.kills --only pending/ingress.after_commit:1:kill",
        (
            Edit(
                _INGRESS,
                """        if is_new and notice:
            trace = current("request_id") or ""
            staging.stage(kind=APPLY, lane=lane, subject_id=event_id, trace=trace)
        reached("ingress.uncommitted")
    reached("ingress.after_commit")
""",
                """        reached("ingress.uncommitted")
    reached("ingress.after_commit")
    if is_new and notice:
        trace = current("request_id") or ""
        with transaction():
            staging.stage(kind=APPLY, lane=lane, subject_id=event_id, trace=trace)
""",
            ),
        ),
    ),
    Mistake(
        "told-apart-by-what-is-not-signed",
        "Webhooks are told apart by a header that nobody signed.",
        "tests.kills --only webhook_replayed/:",
        (Edit(_INGRESS, _DIGEST, 'sha256(body + current("request_id").encode()).hexdigest()'),),
    ),
    Mistake(
        "one-webhook-a-payment",
        "A second webhook about a payment is taken for the first one.",
        "tests.kills --only late_success/:",
        (
            Edit(
                _INGRESS,
                _DIGEST,
                "sha256(notice.reference.encode() if notice else body).hexdigest()",
            ),
        ),
    ),
)
