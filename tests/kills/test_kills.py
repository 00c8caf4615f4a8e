"""The kill matrix: a part of it holds, and it sees what does not."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from core.known_kill_points import POINTS
from tests.kills import case, matrix, page
from tests.kills.case import Case, Result
from tests.kills.place import Place
from tests.kills.running import places
from tests.kills.scenarios import SCENARIOS, Scenario
from tests.servers import DATABASES, ROOT

# Every point once, killed and, where a worker can freeze, frozen and woken up in each way, on a
# machine on which three minutes are enough for it.
SAMPLE = 140
CASES_MIN = 30
SEED = 7


def test_a_death_at_every_point_and_a_freeze_of_every_worker_is_repaired(tmp_path):
    into = tmp_path / "found.json"
    part = ["--sample", str(SAMPLE), "--seed", str(SEED), "--jobs", "3", "--minutes", "3"]
    command = [sys.executable, "-m", "tests.kills", *part, "--json", str(into)]

    done = subprocess.run(
        command, cwd=ROOT, env=_env(), capture_output=True, text=True, timeout=600, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(into.read_text())
    assert found["unreached"] == []
    outcomes = Counter(one["outcome"] for one in found["cases"])
    assert outcomes[case.HELD] > max(CASES_MIN, 4 * outcomes[case.UNREACHED])
    assert any(one["fences"] for one in found["cases"])
    assert any(one["stale"] for one in found["cases"])


def _env():
    # Servers of its own, or the one that was named from outside; not that of the other tests.
    return {**os.environ, "DATABASE_URL": DATABASES.given}


def _wrong_end(story):
    """A payment succeeds, and is said to fail."""
    story.pay(ends="FAILED")


def _stranger(story):
    """Money moves at the provider that we never asked for."""
    story.charge_of_a_stranger("sim_success")


def _murder(story):
    """A process dies that nobody told to."""
    story.pay()
    os.kill(story.place.running["dispatcher"], signal.SIGKILL)
    story.pay()


def _forgotten(story):
    """A payment is lost from our books that a merchant was promised."""
    story.until_status(story.pay(), "SUCCESS")
    story.place.rows("ALTER TABLE core_idempotencyrecord DISABLE TRIGGER USER")
    story.place.rows("UPDATE core_idempotencyrecord SET body = body || ' '")


@pytest.fixture(scope="module")
def place():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(os.environ, "DATABASE_URL", _env()["DATABASE_URL"])
        with places(1) as (one,):
            yield one


@pytest.mark.parametrize(
    ("story", "seen"),
    [
        (_wrong_end, "is SUCCESS, not FAILED"),
        (_stranger, "provider-charges-as-booked"),
        (_murder, "a process died that was not told to: dispatcher"),
        (_forgotten, "promises-one-answer-per-key"),
    ],
)
def test_what_does_not_hold_is_seen(place: Place, monkeypatch, story, seen):
    monkeypatch.setitem(SCENARIOS, "planted", Scenario("planted", story))

    result = case.run(place, Case("planted"), SEED)

    assert result.outcome == case.BROKEN
    assert seen in result.trouble


def test_a_frozen_worker_that_is_not_fenced_has_shown_nothing(place: Place, monkeypatch):
    monkeypatch.setattr(case, "TAKEN_OVER", frozenset({"worker.after_settle"}))
    monkeypatch.setattr(case, "WAKING_SECONDS", 1.0)

    result = case.run(place, Case("charge", "worker.after_settle", 1, "stop"), SEED)

    assert result.outcome == case.BROKEN
    assert "neither fenced nor stale" in result.trouble


def test_a_worker_that_wakes_while_another_holds_its_message_is_fenced(place: Place):
    result = case.run(place, Case("overtaken", "worker.after_send", 1, "wake"), SEED)

    assert (result.outcome, result.trouble) == (case.HELD, "")
    assert result.fences


def test_one_that_wakes_while_another_holds_its_message_and_is_not_fenced_is_seen(
    place: Place, monkeypatch
):
    monkeypatch.setattr(case, "FENCES", "pay_no_such_total")
    monkeypatch.setattr(case, "WAKING_SECONDS", 1.0)

    result = case.run(place, Case("overtaken", "worker.after_send", 1, "wake"), SEED)

    assert result.outcome == case.BROKEN
    assert "while another held its message, and was not fenced" in result.trouble


@pytest.mark.parametrize("action", ["kill", case.CALM])
def test_in_a_calm_story_no_sensor_may_move(place: Place, monkeypatch, action):
    froze = Scenario("planted", SCENARIOS["job_lost"].tell, armed="worker.after_send:1:stop")
    monkeypatch.setitem(SCENARIOS, "planted", froze)

    result = case.run(place, Case("planted", action=action), SEED)

    assert result.fences + result.stale > 0
    assert (result.outcome, result.trouble != "") == (
        (case.BROKEN, True) if action == case.CALM else (case.HELD, False)
    )


def test_a_point_that_is_not_passed_is_told_apart_from_one_that_held(place: Place):
    result = case.run(place, Case("charge", "admin.after_act"), SEED)

    assert result.outcome == case.UNREACHED


def test_a_case_can_be_named_and_read_again():
    one = Case("charge", "web.after_create", 2, "stop")

    assert Case.parse(str(one)) == one


def test_cases_are_what_a_story_reaches_but_for_its_own_deaths():
    reached = {"worker_lost": Counter({"worker.after_intent": 5, "web.after_create": 1})}

    planned = matrix.planned(reached)

    assert sorted(map(str, planned)) == [
        "worker_lost/web.after_create:1:kill",
        "worker_lost/worker.after_intent:2:kill",
        "worker_lost/worker.after_intent:2:stop",
        "worker_lost/worker.after_intent:3:kill",
    ]
    assert len(matrix.unreached(reached)) == len(POINTS) - 2


def test_in_some_stories_a_worker_only_wakes_up_while_another_holds_its_message():
    reached = {"only_witness": Counter({"worker.after_intent": 1, "worker.after_send": 2})}

    planned = matrix.planned(reached)

    assert list(map(str, planned)) == ["only_witness/worker.after_send:1:wake"]


def test_a_sample_has_every_point_before_any_twice_and_is_the_same_again():
    planned = matrix.planned({"charge": Counter(dict.fromkeys(POINTS, 3))})
    kinds = {(one.point, one.action) for one in planned}

    sample = matrix.chosen(planned, [], len(kinds), seed=1)

    assert {(one.point, one.action) for one in sample} == kinds
    assert matrix.chosen(planned, [], len(kinds), seed=1) == sample
    assert matrix.chosen(planned, [], len(kinds), seed=2) != sample
    assert {one.point for one in matrix.chosen(planned, ["charge", "uncommitted:2"], 0, 1)} == {
        point for point in POINTS if point.endswith("uncommitted")
    }


def test_the_page_shows_what_broke():
    good = Result(Case("charge", "web.after_create"))
    bad = Result(Case("charge", "web.after_create", 2), outcome=case.BROKEN, trouble="lost")
    frozen = Result(Case("charge", "worker.after_intent", 1, "stop"), fences=1)
    missed = Result(Case("charge", "rollup.uncommitted"), outcome=case.UNREACHED)
    data = {"planned": 9, "seed": 1, "jobs": 2, "seconds": 60, "unreached": ["rollup.uncommitted"],
            "code": "2026-11-29, code of abc",
            "cases": [one.as_dict() for one in (good, bad, frozen, missed)]}  # fmt: skip

    text = page.page(data)

    assert "| `web.after_create` | 1 | **1 of 2** | – | – | – | – |" in text
    assert "| `worker.after_intent` | 1 | – | 1 | 1 | – | – |" in text
    assert "| `rollup.uncommitted` | no story | – | – | – | – | 1 |" in text
    assert "4 of 9 cases" in text
    assert "code of abc" in text
    assert "Of 1 frozen workers that woke up late, 1 were fenced" in text
