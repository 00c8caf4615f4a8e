from pathlib import Path

import pytest

from core.errors import REGISTRY
from core.problem_pages import ADVICE, registry_table

ROOT = Path(__file__).resolve().parents[2]


def test_the_documented_registry_is_the_one_in_the_code():
    assert registry_table() in (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")


def test_every_problem_says_what_to_do():
    assert list(ADVICE) == list(REGISTRY)


@pytest.mark.parametrize("slug", REGISTRY)
def test_a_problem_type_can_be_opened(client, slug):
    answer = client.get(f"/problems/{slug}")

    assert answer.status_code == 200
    assert slug in answer.content.decode()


def test_an_unknown_problem_type_is_not_found(client):
    assert client.get("/problems/made-up").status_code == 404
