"""The measuring stick itself: that it runs, and that its page says what was measured."""

import json
import subprocess
import sys

import pytest

from tests.bench import page
from tests.bench.ground import find_wrk
from tests.bench.results import Comparison, Figure, Missing, Reading, Series, Target, by_turns
from tests.servers import ROOT

CIRCUMSTANCES = {"command": "make bench", "quick": False, "at": "today", "machine": "2 cores"}
OURS, OTHER = Series("ours", [300.0, 200.0, 100.0]), Series("other", [100.0, 100.0, 100.0])


def test_a_quick_run_measures_writes_page_and_json_and_leaves_no_server(tmp_path):
    command = [sys.executable, "-m", "tests.bench", "--quick", "--into", str(tmp_path), "claim"]

    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / page.JSON_NAME).read_text())["claim"]
    assert found["quick"]
    assert "fsync on" in found["machine"]
    (comparison,) = found["comparisons"]
    assert len(comparison["ratios"]) == 3
    assert comparison["ratio"] > 0
    assert "100,000 done" in (tmp_path / page.PAGE_NAME).read_text()
    assert not (ROOT / ".local" / "bench").exists()


def test_a_figure_takes_the_place_of_the_one_with_its_name_and_prose_stays(tmp_path):
    text = f"by hand\n{page.BEGIN}\nold\n{page.END}\nby hand, too\n"
    (tmp_path / page.PAGE_NAME).write_text(text)
    page.record(tmp_path, "two", _figure(None), CIRCUMSTANCES, ["one", "two"])
    page.record(tmp_path, "one", _figure(Target("≥", 5)), CIRCUMSTANCES, ["one", "two"])

    page.record(tmp_path, "one", _figure(Target("≥", 2)), CIRCUMSTANCES, ["one", "two"])

    written = (tmp_path / page.PAGE_NAME).read_text()
    assert written.startswith(f"by hand\n{page.BEGIN}\n")
    assert written.endswith(f"{page.END}\nby hand, too\n")
    assert "old" not in written
    assert "≥ 5" not in written
    assert written.index("### one") < written.index("### two")
    row = "| a ÷ b | 200 /s (100–300) | 100 /s (100–100) | **2.00** (1.00–3.00) | ≥ 2: met |"
    assert row in written
    assert "| size | 12.3 MiB |" in written


def _figure(target):
    return Figure(
        [Comparison("a ÷ b", "/s", OURS, OTHER, target)], [Reading("size", "MiB", [12.34])]
    )


@pytest.mark.parametrize(
    ("target", "quick", "says"),
    [
        (Target("≥", 2.5), False, "≥ 2.5: **missed**"),
        (Target("≤", 2.5), False, "≤ 2.5: met"),
        (Target("≤", 1.5), False, "≤ 1.5: **missed**"),
        (Target("≥", 2.5), True, "| ≥ 2.5 |"),
    ],
)
def test_a_target_is_judged_unless_the_run_was_quick(target, quick, says):
    data = {**CIRCUMSTANCES, "quick": quick, **_figure(target).as_dict()}

    assert says in page.section("one", data)


def test_a_page_without_its_markers_is_not_overwritten(tmp_path):
    (tmp_path / page.PAGE_NAME).write_text("by hand")

    with pytest.raises(ValueError, match="lost its markers"):
        page.record(tmp_path, "one", _figure(None), CIRCUMSTANCES)

    assert (tmp_path / page.PAGE_NAME).read_text() == "by hand"


def test_contenders_take_turns_and_a_round_is_the_median_of_its_turns():
    order = []
    ours, other = iter([1.0, 9.0, 2.0, 5.0, 4.0, 6.0]), iter([10.0] * 6)

    def turn(name, values):
        order.append(name)
        return next(values)

    contenders = {"ours": lambda: turn("ours", ours), "other": lambda: turn("other", other)}

    found = by_turns("test", 2, "ms", contenders, each=3)

    assert order == ["ours", "other"] * 6
    assert found["ours"].values == [2.0, 5.0]
    assert found["other"].values == [10.0, 10.0]


def test_a_missing_tool_is_named_with_its_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Missing, match="apt install wrk"):
        find_wrk()
