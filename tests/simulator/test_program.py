"""The simulator is a program of its own, of Python and nothing else."""

import ast
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.servers import ROOT
from tests.simulator.provider import Provider

SOURCES = sorted((ROOT / "simulator").glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_module_imports_python_and_its_own_folder_only(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])

    assert imported - sys.stdlib_module_names <= {"simulator"}


def run(*arguments, **env):
    # -S: no installed package can be found.
    return subprocess.run(
        [sys.executable, "-S", "-m", "simulator", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_it_says_how_it_is_used_without_any_package():
    done = run("--help")

    assert done.returncode == 0, done.stderr
    for word in ("--key-lifetime", "--no-keys", "--profile", "--seed", "SIMULATOR_DB"):
        assert word in done.stdout


def test_it_refuses_to_start_without_a_file_and_a_key():
    done = run()

    assert done.returncode == 2
    assert "SIMULATOR_DB and SIMULATOR_API_KEY" in done.stderr


def test_it_refuses_to_start_with_a_profile_that_is_none(tmp_path):
    env = {"SIMULATOR_DB": str(tmp_path / "db"), "SIMULATOR_API_KEY": "k"}

    done = run("--profile", "calmer", **env)

    assert done.returncode == 1
    assert "calmer" in done.stderr


def test_two_of_them_never_share_a_file(tmp_path):
    first = Provider(tmp_path)
    first.start()

    done = run(SIMULATOR_DB=str(first.database), SIMULATOR_API_KEY="k")

    first.kill()
    assert done.returncode == 1
    assert "another simulator uses" in done.stderr


def test_a_file_of_another_version_is_left_alone(tmp_path):
    file = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE sim_charge (id TEXT)")

    done = run(SIMULATOR_DB=str(file), SIMULATOR_API_KEY="k")

    assert done.returncode == 1
    assert "another version" in done.stderr


def test_its_books_count_money_once_whatever_is_written_to_them(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", "-c", _WRONG_ROWS],
        cwd=ROOT,
        env={"DB": str(tmp_path / "db")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert done.stdout.split() == ["refused"] * 4, done.stderr


_WRONG_ROWS = """
import os, pathlib, sqlite3
from simulator.store import Store

charge = ("INSERT INTO sim_charge (id, reference, amount, currency, payment_method, description,"
          " status, captured, created_at, found_from, listed_from, shown_from)"
          " VALUES ('a', 'r', {amount}, 'INR', '', '', '{status}', {captured}, 0, 0, 0, 0)")
for row in ({"amount": 0, "status": "pending", "captured": 0},
            {"amount": 10, "status": "captured", "captured": 0},
            {"amount": 10, "status": "captured", "captured": 11},
            {"amount": 10, "status": "lost", "captured": 0}):
    with_store = Store(pathlib.Path(os.environ["DB"]))
    try:
        with with_store.writing() as db:
            db.execute(charge.format(**row))
    except sqlite3.IntegrityError:
        print("refused")
    with_store.close()
"""
