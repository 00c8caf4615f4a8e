"""The mocks' books under threads, processes, forks and kills."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from gateways.base import OutcomeKind
from gateways.providers.mock_success import MockSuccess
from tests.gateways.making import a_charge, a_refund, effects, in_time

# Charges for ever, and prints each operation once the gateway has answered for it.
CHARGE_FOR_EVER = """
import sys
from gateways.providers.mock_success import MockSuccess
from tests.gateways.making import a_charge, in_time

gateway = MockSuccess(database=sys.argv[1])
while True:
    charge = a_charge()
    gateway.charge(charge, in_time())
    print(charge.operation_id, flush=True)
"""

CHARGE_TWENTY = """
import sys
from uuid import UUID
from gateways.providers.mock_success import MockSuccess
from tests.gateways.making import a_charge, in_time

gateway = MockSuccess(database=sys.argv[1])
for number in range(20):
    gateway.charge(a_charge(operation_id=UUID(int=number), key=f"key-{number}"), in_time())
"""


def started(program: str, database: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, database], stdout=subprocess.PIPE, text=True
    )


def test_every_answered_effect_survives_a_kill_in_the_middle_of_writing(database):
    process = started(CHARGE_FOR_EVER, database)
    assert process.stdout
    with process, process.stdout as answers:
        answered = [next(answers).strip() for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        answered += [line.strip() for line in answers if line.endswith("\n")]

    with closing(sqlite3.connect(database)) as db:
        kept = [row[0] for row in db.execute("SELECT operation FROM effects")]
        fault = db.execute("PRAGMA integrity_check").fetchone()

    assert len(kept) == len(set(kept))
    assert set(answered) <= set(kept)
    assert len(kept) <= len(answered) + 1
    assert fault == ("ok",)


def test_after_a_kill_others_go_on_writing(database):
    process = started(CHARGE_FOR_EVER, database)
    assert process.stdout
    with process, process.stdout as answers:
        next(answers)
        process.kill()

    outcome = MockSuccess(database=database).charge(a_charge(), in_time())

    assert outcome.kind is OutcomeKind.SUCCEEDED


def test_processes_that_start_together_and_use_the_same_keys_charge_once(database):
    processes = [started(CHARGE_TWENTY, database) for _ in range(4)]

    codes = [process.wait(timeout=60) for process in processes]
    for process in processes:
        process.communicate()

    assert codes == [0] * 4
    assert len(effects(database)) == 20


def test_threads_that_use_the_same_key_charge_once_and_hear_the_same(database):
    gateway = MockSuccess(database=database)
    charge = a_charge()

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda _: gateway.charge(charge, in_time()), range(64)))

    assert len({outcome.provider_id for outcome in outcomes}) == 1
    assert len(effects(database)) == 1


def test_threads_never_refund_more_than_was_charged(database):
    gateway = MockSuccess(database=database)
    charge = a_charge(amount=10)
    gateway.charge(charge, in_time())

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(
            pool.map(lambda _: gateway.refund(a_refund(charge, amount=3), in_time()), range(16))
        )

    assert [outcome.kind for outcome in outcomes].count(OutcomeKind.SUCCEEDED) == 3
    assert effects(database)[1:] == [("refund", 3, "INR")] * 3


def charged_in_a_child(gateway: MockSuccess) -> int:
    child = os.fork()
    if child == 0:
        signal.alarm(5)  # a child that waits for a lock nobody holds would wait for ever
        try:
            outcome = gateway.charge(a_charge(), in_time())
        finally:
            os._exit(0 if outcome.kind is OutcomeKind.SUCCEEDED else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# Forking beside threads is what newer Pythons warn about, and what this is about.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_children_forked_while_threads_write_go_on_and_so_do_the_threads(database):
    gateway = MockSuccess(database=database)
    stopping = Event()

    def charge_until_stopped() -> int:
        count = 0
        while not stopping.is_set():
            gateway.charge(a_charge(), in_time())
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        counts = [pool.submit(charge_until_stopped) for _ in range(2)]
        codes = [charged_in_a_child(gateway) for _ in range(5)]
        stopping.set()

    assert codes == [0] * 5
    assert len(effects(database)) == 5 + sum(count.result() for count in counts)


def test_whoever_reads_the_books_from_outside_holds_nobody_up(database):
    gateway = MockSuccess(database=database)
    gateway.charge(a_charge(), in_time())

    with closing(sqlite3.connect(database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM effects").fetchone()
        outcome = gateway.charge(a_charge(), in_time())

    assert outcome.kind is OutcomeKind.SUCCEEDED


def test_an_effect_carries_the_time_it_happened(database):
    before = time.time()
    MockSuccess(database=database).charge(a_charge(), in_time())

    with closing(sqlite3.connect(database)) as db:
        (at,) = db.execute("SELECT at FROM effects").fetchone()

    assert before <= at <= time.time()
