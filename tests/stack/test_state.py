"""What is kept in ``.local`` from one start to the next."""

import json
from pathlib import Path

import pytest

from config.stack.state import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / ".local")
    folder.prepare()
    return folder


def test_keys_are_made_once(folder):
    assert folder.keys() == folder.keys()


def test_no_two_keys_are_the_same(folder):
    folder.keys()

    kept = json.loads((folder.root / "keys.json").read_text())
    made = [value for value in kept.values() if isinstance(value, str)]
    assert len(made) == len(set(made)) >= 6


def test_keys_of_an_older_version_are_kept_and_completed(folder):
    made = folder.keys()
    file = folder.root / "keys.json"
    older = json.loads(file.read_text())
    del older["operator_password"]
    file.write_text(json.dumps(older))

    completed = folder.keys()

    assert completed.owner_password == made.owner_password
    assert completed.operator_password not in {"", made.operator_password}
    assert folder.keys() == completed


def test_keys_are_nobody_elses_to_read(folder):
    folder.keys()

    assert (folder.root / "keys.json").stat().st_mode & 0o777 == 0o600
