"""Whatever dies is restarted without leftovers; whatever ends us leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from config.stack.down import down
from config.stack.processes import wait_until
from config.stack.state import Folder
from tests.servers import ROOT

PATIENCE_SECONDS = 15
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs PDEATHSIG and subreapers")


class Stack:
    """A supervisor of stand-ins, as a process of its own."""

    def __init__(self, root: Path, kind: str) -> None:
        self.folder = Folder(root / ".local")
        self.output = root / "output"
        command = [sys.executable, "-m", "tests.stack.stand_in", str(self.folder.root), kind]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)

    def said(self, text: str) -> bool:
        return wait_until(lambda: text in self.output.read_text(), PATIENCE_SECONDS)

    def pid(self, name: str) -> int:
        return int((self.folder.run / f"{name}.pid").read_text())

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def running(root: Path, kind: str) -> Iterator[Stack]:
    stack = Stack(root, kind)
    try:
        yield stack
    finally:
        stack.process.kill()
        stack.process.wait()
        down(stack.folder)


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[[str], Stack]]:
    with_cleanup = []

    def begin(kind: str) -> Stack:
        manager = running(tmp_path, kind)
        stack = manager.__enter__()
        with_cleanup.append(manager)
        assert stack.said("up\n")
        return stack

    yield begin
    for manager in with_cleanup:
        manager.__exit__(None, None, None)


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    assert wait_until(lambda: len(process.children()) == 2, PATIENCE_SECONDS)
    return [process, *process.children()]


def gone(processes: list[psutil.Process]) -> bool:
    return wait_until(
        lambda: (
            not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)
        ),
        PATIENCE_SECONDS,
    )


class TestAChildThatIsKilled:
    def test_is_started_again_and_the_others_stay(self, start):
        stack = start("sleep")
        killed, other = stack.pid("child"), stack.pid("other")

        os.kill(killed, signal.SIGKILL)

        assert stack.said(f"was killed by SIGKILL (pid {killed})")
        assert stack.said("started again")
        assert stack.pid("child") != killed
        assert stack.pid("other") == other

    @linux_only
    def test_takes_its_descendants_along_those_in_their_own_session_too(self, start):
        stack = start("parent")
        relatives = family(stack.pid("child"))

        relatives[0].kill()

        assert stack.said("ended 2 it had started")
        assert gone(relatives)

    def test_is_given_up_when_it_never_ran(self, tmp_path):
        with running(tmp_path, "fail") as stack:
            assert stack.wait() == 1

            said = stack.output.read_text()
            assert "child ended with code 3" in said
            assert "the reason is a missing table" in said
            assert stack.folder.strays() == []


class TestTheEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_is_clean_on_a_signal(self, start, number):
        stack = start("parent")
        relatives = family(stack.pid("child"))

        stack.process.send_signal(number)

        assert stack.wait() == 0
        assert gone(relatives)
        assert stack.folder.strays() == []
        assert stack.folder.recorded() == []

    def test_does_not_wait_for_a_child_that_will_not_stop(self, start):
        stack = start("stubborn")

        began = time.monotonic()
        stack.process.send_signal(signal.SIGTERM)

        assert stack.wait() == 0
        assert time.monotonic() - began < 5
        assert "killed: it did not stop within 1 s" in stack.output.read_text()
        assert stack.folder.strays() == []

    def test_is_not_stopped_half_way_by_a_second_signal(self, start):
        stack = start("stubborn")

        stack.process.send_signal(signal.SIGINT)
        assert stack.said("stopping everything")
        stack.process.send_signal(signal.SIGINT)

        assert stack.wait() == 0
        assert stack.folder.strays() == []

    @linux_only
    def test_of_a_killed_supervisor_ends_its_children(self, start):
        stack = start("sleep")
        children = [psutil.Process(stack.pid(name)) for name in ("child", "other")]

        stack.process.kill()

        assert gone(children)

    def test_of_a_killed_supervisor_leaves_nothing_that_down_does_not_end(self, start):
        stack = start("stubborn")
        child = psutil.Process(stack.pid("child"))
        stack.process.kill()
        stack.process.wait()
        assert child.is_running()

        down(stack.folder)

        assert gone([child])
        assert stack.folder.recorded() == []

    def test_by_down_is_the_same_as_by_a_signal(self, start):
        stack = start("sleep")

        down(stack.folder)

        assert stack.wait() == 0
        assert stack.folder.strays() == []


class TestASecondOne:
    def test_says_so_and_changes_nothing(self, start, tmp_path):
        first = start("sleep")
        before = {name: first.pid(name) for name in ("child", "other", "supervisor")}

        second = Stack(tmp_path, "sleep")

        assert second.wait() == 0
        assert second.said("already running")
        assert {name: first.pid(name) for name in before} == before
        assert first.process.poll() is None

    def test_after_a_killed_one_starts_afresh(self, start, tmp_path):
        first = start("stubborn")
        left = psutil.Process(first.pid("child"))
        first.process.kill()
        first.process.wait()

        with running(tmp_path, "sleep") as second:
            assert second.said(f"ending pid {left.pid}, left by a stack that was killed")
            assert gone([left])


def test_a_number_that_was_used_again_is_not_ours_to_end(tmp_path):
    folder = Folder(tmp_path / ".local")
    folder.prepare()
    with subprocess.Popen(["sleep", "30"]) as stranger:
        folder.record("web", stranger.pid)
        (folder.run / "web.started").write_text("12345.0")

        down(folder)

        assert stranger.poll() is None
        assert folder.recorded() == []
        stranger.kill()


class TestAProgramThatRunsOnce:
    """In a process of its own, for a supervisor adopts what others leave."""

    def run(self, root: Path, script: str) -> str:
        command = [sys.executable, "-m", "tests.stack.passing", str(root / ".local"), script]
        return subprocess.check_output(command, cwd=ROOT, text=True, timeout=PATIENCE_SECONDS)

    def test_is_not_ended_by_the_death_of_a_neighbour(self, tmp_path):
        marker = tmp_path / "marker"

        said = self.run(tmp_path, f"sleep 2; touch {marker}")

        assert "was killed by SIGKILL" in said
        assert "it succeeded" in said
        assert marker.exists()

    def test_tells_its_code_when_it_fails(self, tmp_path):
        assert "passing ended with code 3" in self.run(tmp_path, "exit 3")

    def test_did_not_succeed_when_nobody_knows_how_it_ended(self, tmp_path):
        assert "passing ended, and nobody knows how" in self.run(tmp_path, "")
