"""Mistakes between us and the provider: keys, intents, and what silence is taken for."""

from tests.planted.planting import Edit, Mistake

_ASKING = "payments/asking.py"
_FACTS = "payments/facts.py"
_CALLING = "gateways/calling.py"
_HANDLERS = "payments/handlers.py"
_RUNNER = "dispatcher/runner.py"

MISTAKES = (
    Mistake(
        "no-provider-key",
        "The provider gets no key that it could know a request by.",
        "tests.kills --only answer_lost/:",
        (
            Edit(
                "gateways/providers/simulator.py", "import json\n", "import json\nimport secrets\n"
            ),
            Edit("gateways/providers/simulator.py", "charge.key,", "secrets.token_hex(16),"),
        ),
    ),
    Mistake(
        "a-key-per-attempt",
        "Each attempt sends a key of its own.",
        "tests.kills --only answer_lost/:",
        (
            Edit(_ASKING, "from uuid import UUID\n", "from uuid import UUID, uuid4\n"),
            Edit(
                _ASKING,
                '"key": provider_key(operation.id, operation.gateway),',
                '"key": uuid4().hex,',
            ),
        ),
    ),
    Mistake(
        "called-inside-a-transaction",
        "The provider is called in the transaction that writes the intent down.",
        "tests.kills --only no_keys/worker.prepare_uncommitted:1:kill",
        (
            Edit(_CALLING, "@outside_transaction\ndef call", "def call"),
            Edit(
                _RUNNER,
                "= handler, worker, lane\n",
                "= handler, worker, lane\n        self.heard: dict[UUID, Any] = {}\n",
            ),
            Edit(
                _RUNNER,
                "            plans = self.handler.prepare(case, started)\n",
                """            plans = self.handler.prepare(case, started)
            for id_, plan in plans.items():
                if isinstance(plan, Call):
                    self.heard[id_] = self.handler.call(plan.request, _lease_end())
""",
            ),
            Edit(
                _RUNNER,
                "answer = self.handler.call(plan.request, lease_end)",
                "answer = self.heard.pop(message.id)",
            ),
        ),
    ),
    Mistake(
        "no-intent",
        "An attempt is written down when it was answered, not before it is made.",
        "tests.kills --only no_keys/worker.after_answer:1:kill",
        (
            Edit(
                _HANDLERS,
                """    kinds = frozenset(ERRANDS)
""",
                """    kinds = frozenset(ERRANDS)
    unwritten: dict[UUID, Attempt] = {}
""",
            ),
            Edit(
                _HANDLERS,
                """        Attempt.objects.bulk_create(attempts)
        sent = [a.operation_id for a in attempts if a.kind == AttemptKind.SEND]
        Operation.objects.filter(id__in=sent, first_sent_at=None).update(first_sent_at=Now())
""",
                "        self.unwritten.update({attempt.id: attempt for attempt in attempts})\n",
            ),
            Edit(
                _HANDLERS,
                "attempt = next(a for a in known.attempts if a.id == heard.attempt_id)",
                """attempt = self.unwritten.pop(heard.attempt_id)
            attempt.save(force_insert=True)
            if attempt.kind == AttemptKind.SEND:
                first = Operation.objects.filter(id=attempt.operation_id, first_sent_at=None)
                first.update(first_sent_at=Now())
            known.attempts.append(attempt)""",
            ),
        ),
    ),
    Mistake(
        "unknown-is-failed",
        "An outcome that nobody knows is called a failure.",
        "tests.kills --only answer_lost/:",
        (
            Edit(
                _FACTS,
                """    if is_in_doubt:
        return Verdict(Meaning.UNKNOWN)
""",
                """    if is_in_doubt:
        return Verdict(Meaning.FAILED, code="timeout")
""",
            ),
        ),
    ),
    Mistake(
        "a-cut-line-is-not-sent",
        "A line that was cut while we waited counts as if nothing had been sent.",
        "tests.kills --only no_keys/:",
        (
            Edit(
                _CALLING,
                "self._in_doubt(error.code, str(error)), self._may_repeat_unknown(gateway)",
                "self._without_effect(error.code, str(error)), is_worth_repeating=True",
            ),
        ),
    ),
    Mistake(
        "repeated-without-keys",
        "A call is repeated at once although the provider knows no keys.",
        "tests.kills --only no_keys/:",
        (
            Edit(
                _CALLING,
                'return self._operation == "find" or gateway.capabilities.keys',
                "return True",
            ),
        ),
    ),
    Mistake(
        "sent-again-without-keys",
        "A later attempt sends again although the provider knows no keys.",
        "tests.kills --only no_keys/:",
        (
            Edit(
                _ASKING,
                "may_resend = capabilities.keys and key_left > 0 and",
                "may_resend = key_left > 0 and",
            ),
        ),
    ),
    Mistake(
        "not-found-is-failed",
        "What the provider does not know yet is called a failure at once.",
        "tests.kills --only no_keys/worker.before_send:1:kill",
        (
            Edit(
                _FACTS,
                "Said.NOT_FOUND and fact.code == NOBODY_CAN_SEND and not has_it",
                "Said.NOT_FOUND and not has_it",
            ),
        ),
    ),
    Mistake(
        "an-old-no-is-believed",
        "A webhook's no is believed while a later send is unanswered.",
        "tests.kills --only old_no/:",
        (
            Edit(
                _FACTS,
                "if _is_final_no(f, has_it=bool(waiting)) and not (f.is_notice and is_in_doubt)",
                "if _is_final_no(f, has_it=bool(waiting))",
            ),
        ),
    ),
    Mistake(
        "late-success-ignored",
        "What failed stays failed, even if the provider captures it after all.",
        "tests.kills --only late_success/:",
        (
            Edit(
                "payments/outcomes.py",
                "Meaning.SUCCEEDED and operation.state != OperationState.SUCCEEDED:",
                "Meaning.SUCCEEDED and operation.state == OperationState.OPEN:",
            ),
        ),
    ),
)
