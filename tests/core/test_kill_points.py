"""Kill points: every one is where the registry says, does what it is told, and else nothing."""

import ast
import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured

from core import kill_points
from core.kill_points import Armed, Fault, parse
from core.known_kill_points import POINTS
from tests.servers import ROOT

ROOMS = ("config", "core", "dispatcher", "gateways", "ledger", "outbox", "payments", "webhooks")
DOCS = ROOT / "docs" / "exactly-once.md"
ROW = r"^\| `([\w.]+)` \| (.*?) \| (.*?) \| .*? \| (.*?) \|$"
NONSENSE = ("0x", "-1", "1:burn", "1:sleep", "1:kill=2")
POINT = "web.before_create"


def _calls() -> list[ast.Call]:
    trees = [ast.parse(path.read_text()) for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [one for one in nodes if isinstance(one.func, ast.Name) and one.func.id == "reached"]


def _named() -> Counter[str]:
    named = [one.args[0] for one in _calls()]
    assert all(isinstance(name, ast.Constant) for name in named), "a name that nobody can look up"
    return Counter(str(name.value) for name in named if isinstance(name, ast.Constant))


def _forked(act: Callable[[], object]) -> int:
    """Return the process that does this."""
    with warnings.catch_warnings():
        # Newer Pythons warn of the threads of other tests; the child only touches its own.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        act()
        os._exit(7)
    return child


def _in_a_child(act: Callable[[], object]) -> int:
    """Return how a forked process ends, or is stopped, that does this."""
    child = _forked(act)
    _, status = os.waitpid(child, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return status


def test_every_point_is_reached_somewhere_and_every_call_names_one():
    named = _named()

    assert set(named) == set(POINTS)
    # Two places of one name: a create and a refund are answered alike.
    assert {name for name, times in named.items() if times > 1} == {"web.before_answer"}


def test_the_page_says_of_every_point_what_the_registry_says():
    rows = re.findall(ROW, DOCS.read_text(), re.MULTILINE)

    assert {name: tuple(rest) for name, *rest in rows} == {n: tuple(p) for n, p in POINTS.items()}


def test_a_process_that_is_not_armed_calls_nothing():
    assert kill_points.reached is kill_points.pass_by
    kill_points.reached("there is no such point")


def test_each_action_does_what_its_name_says():
    killed = _in_a_child(lambda: Armed(parse(POINT))(POINT))
    exited = _in_a_child(lambda: Armed(parse(f"{POINT}:1:exit"))(POINT))
    stopped = _in_a_child(lambda: Armed(parse(f"{POINT}:1:stop"))(POINT))
    slept = _in_a_child(lambda: Armed(parse(f"{POINT}:1:sleep=0.01"))(POINT))

    assert os.WTERMSIG(killed) == signal.SIGKILL
    assert os.WEXITSTATUS(exited) == 1
    assert os.WSTOPSIG(stopped) == signal.SIGSTOP
    assert os.WEXITSTATUS(slept) == 7
    with pytest.raises(Fault):
        Armed(parse(f"{POINT}:1:raise"))(POINT)


def test_only_the_time_that_was_named_counts():
    armed = Armed(parse(f"{POINT}:2:raise"))

    armed(POINT)
    armed("web.after_create")

    with pytest.raises(Fault):
        armed(POINT)
    armed(POINT)


def test_every_time_counts_if_that_was_asked_for():
    armed = Armed(parse(f"{POINT}:*:raise"))

    for _ in range(3):
        with pytest.raises(Fault):
            armed(POINT)


def test_processes_that_share_a_file_count_together_and_leave_a_trace(tmp_path):
    hits = tmp_path / "hits"
    armed = Armed(parse(f"{POINT}:2"), str(hits))

    ends = [_in_a_child(lambda: armed(POINT)) for _ in range(3)]

    assert [os.WIFSIGNALED(end) for end in ends] == [False, True, False]
    trace = [line.split()[:3] for line in hits.read_text().splitlines()]
    assert trace == [[POINT, "1", "-"], [POINT, "2", "kill"], [POINT, "3", "-"]]


def _freeze_among_others(armed: Armed) -> None:
    def count() -> None:
        while True:
            armed("web.after_create")

    for _ in range(6):
        threading.Thread(target=count, daemon=True).start()
    time.sleep(0.05)
    armed(POINT)


@pytest.mark.parametrize("attempt", range(4))
def test_who_freezes_holds_nobody_up_who_counts_in_the_same_file(tmp_path, attempt):
    hits = tmp_path / "hits"
    armed = Armed(parse(f"{POINT}:1:stop"), str(hits))
    child = _forked(lambda: _freeze_among_others(armed))
    os.waitpid(child, os.WUNTRACED)

    try:
        with hits.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_an_armed_process_refuses_a_point_that_is_not_in_the_registry():
    with pytest.raises(KeyError):
        Armed([])("web.nowhere")


@pytest.mark.parametrize("rest", NONSENSE)
def test_nonsense_is_refused(rest):
    with pytest.raises(ImproperlyConfigured, match=r"is not name\[:nth\[:action\]\]"):
        parse(f"{POINT}:{rest}")


def test_an_unknown_name_stops_the_process_at_its_start_with_those_that_there_are():
    done = _manage("web.nowhere")

    assert done.returncode == 1
    assert "there is no point 'web.nowhere'" in done.stderr
    assert all(name in done.stderr for name in POINTS)


def test_an_armed_process_says_so_loudly():
    done = _manage(f"{POINT}:3:stop")

    assert done.returncode == 0, done.stderr
    assert '"level": "critical"' in done.stdout
    assert f'"kill_point": "{POINT}:3:stop"' in done.stdout


def _manage(kill_point: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "dispatch", "--help"]
    env = {**os.environ, "KILL_POINT": kill_point}
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )
