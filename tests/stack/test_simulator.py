"""What `make up` makes of the simulator."""

from pathlib import Path

import pytest

from config.stack import programs
from config.stack.processes import Program
from config.stack.settings import Plan, make_plan
from config.stack.state import Folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Folder:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    made = Folder(tmp_path / ".local")
    made.prepare()
    return made


def simulator_of(plan: Plan) -> Program | None:
    return next((one for one in programs.ours(plan) if one.name == "simulator"), None)


def test_it_is_started_with_its_own_settings_and_none_of_ours(folder):
    plan = make_plan(folder)
    program = simulator_of(plan)

    assert program is not None
    assert program.env
    assert all(name.startswith("SIMULATOR_") for name in program.env)
    assert program.env["SIMULATOR_WEBHOOK_URL"].endswith(f":{plan.port}/api/webhooks/simulator/")
    assert program.command[-2:] == ["--key-lifetime", "86400"]


def test_it_keeps_its_port_and_secrets(folder):
    first, second = make_plan(folder), make_plan(folder)

    kept = ("SIMULATOR_URL", "SIMULATOR_API_KEY", "SIMULATOR_CONTROL_TOKEN", "SIMULATOR_DB")
    assert [first.values[name] for name in kept] == [second.values[name] for name in kept]


def test_one_somewhere_else_is_used_and_none_started(folder, monkeypatch):
    monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:9")

    plan = make_plan(folder)

    assert plan.values["SIMULATOR_URL"] == "http://127.0.0.1:9"
    assert simulator_of(plan) is None


@pytest.mark.parametrize("value", ["0", "false", "OFF"])
def test_it_and_the_gateway_are_told_alike_what_becomes_of_keys(folder, monkeypatch, value):
    monkeypatch.setenv("SIMULATOR_KEYS", value)
    monkeypatch.setenv("SIMULATOR_KEY_LIFETIME_SECONDS", "7200")

    plan = make_plan(folder)
    program = simulator_of(plan)

    assert program is not None
    assert program.command[-3:] == ["--key-lifetime", "7200", "--no-keys"]
    assert plan.values["SIMULATOR_KEYS"] == value
