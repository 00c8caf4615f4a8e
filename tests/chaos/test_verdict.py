"""What the last line says, and which exit code it earns."""

import pytest

from dispatcher import window
from tests.chaos import watch
from tests.chaos.__main__ import _arguments, _replay
from tests.chaos.schedule import KINDS
from tests.chaos.verdict import Verdict, shows_fences


@pytest.mark.parametrize(
    ("given", "replay"),
    [
        ([], "make chaos SEED=3 DURATION=180"),
        (["--faults", "kill,zombie"], "make chaos SEED=3 DURATION=180 FAULTS=kill,zombie"),
        (
            ["--slots", "4", "--profile", "calm"],
            'make chaos SEED=3 DURATION=180 ARGS="--slots 4 --profile calm"',
        ),
    ],
)
def test_how_to_have_a_run_again_has_all_that_was_asked(given, replay):
    assert _replay(_arguments(["--seed", "3", *given])) == replay


def verdict(**numbers):
    return Verdict(7, payments=10, kills=3, **{"stale": 4, "fenced": 2, **numbers})


def test_the_last_line_has_its_form():
    found = verdict(settle_p99_s=1.26)

    assert found.line == (
        "CHAOS seed=7 payments=10 kills=3 duplicates=0 lost=0 unbalanced=0 stuck=0 stale=4"
        " fenced=2 settle_p99_s=1.3"
    )
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("provider-charged-once", "duplicates=2"),
        ("promises-payments-are-there", "lost=2"),
        ("ledger-trial-balance", "unbalanced=2"),
    ],
)
def test_a_broken_claim_is_counted_for_what_it_means_and_fails(name, number):
    found = verdict()

    found.find(name, "so it is not", 2)

    assert number in found.line
    assert found.exit_code == 1


def test_any_other_broken_claim_fails_too():
    found = verdict()

    found.find("payments-one-key-per-operation", "so it is not", 1)

    assert found.exit_code == 1


def test_what_is_stuck_fails():
    assert verdict(stuck=1).exit_code == 1


def test_a_run_without_stale_deliveries_and_fences_shows_nothing():
    assert verdict(stale=0, fenced=0).exit_code == 2
    assert verdict(stale=1, fenced=0).exit_code == 0
    assert verdict(stale=0, fenced=0, may_be_calm=True).exit_code == 0


def test_only_some_faults_have_to_lead_to_a_fence():
    assert shows_fences({"zombie", "kill"})
    assert not shows_fences({"broker-wipe"})


def test_the_watch_knows_how_much_may_wait():
    assert watch.JOBS_WAITING_PER_SLOT == window.JOBS_WAITING_PER_SLOT


def test_the_faults_that_excuse_something_are_ones_that_there_are():
    assert {watch.CRASH} | watch.FILLING <= KINDS.keys()
