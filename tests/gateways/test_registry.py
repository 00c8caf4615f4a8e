"""Names, entries and what is refused at start."""

import pytest
from django.core.checks import run_checks

from gateways import registry
from gateways.checks import check_gateways
from gateways.providers.mock_success import MockSuccess

PATH = "gateways.providers.mock_success.MockSuccess"


class NotAGateway:
    """It has none of the verbs."""


@pytest.fixture
def entry(database):
    return {"class": PATH, "options": {"database": database}}


def test_a_name_gives_the_adapter_its_entry_describes(settings, entry):
    settings.GATEWAYS = {"acme": entry}

    assert isinstance(registry.get("acme"), MockSuccess)


def test_an_adapter_is_made_once_for_its_entry(settings, entry):
    settings.GATEWAYS = {"acme": entry}
    first = registry.get("acme")
    settings.GATEWAYS = {"acme": dict(entry)}

    assert registry.get("acme") is not first
    assert registry.get("acme") is registry.get("acme")


def test_an_unknown_name_is_refused(settings):
    settings.GATEWAYS = {}

    with pytest.raises(registry.UnknownGateway, match="acme"):
        registry.get("acme")


def test_names_are_all_configured_names(settings, entry):
    settings.GATEWAYS = {"zeta": entry, "acme": entry}

    assert registry.names() == ["acme", "zeta"]


def test_the_projects_own_entries_are_good():
    assert registry.names() == ["mock", "mock_failure", "mock_success"]
    assert check_gateways() == []


def test_a_bad_entry_is_reported_when_the_project_starts(settings):
    settings.GATEWAYS = {"acme": {"class": "gateways.providers.acme.Acme"}}

    assert [error.id for error in run_checks()] == ["gateways.E001"]


@pytest.mark.parametrize(
    ("name", "changed", "reason"),
    [
        ("Acme!", {}, "needs a name"),
        ("a" * 33, {}, "needs a name"),
        ("acme", {"klass": PATH}, "must have 'class'"),
        ("acme", {"class": "gateways.nothing.Acme"}, "cannot be built"),
        ("acme", {"class": "nothing"}, "cannot be built"),
        ("acme", {"options": {}}, "cannot be built"),
        ("acme", {"class": f"{__name__}.NotAGateway", "options": {}}, "lacks a method"),
    ],
)
def test_a_bad_entry_says_what_is_wrong(settings, entry, name, changed, reason):
    settings.GATEWAYS = {name: {**entry, **changed}}

    (error,) = check_gateways()

    assert repr(name) in error.msg
    assert reason in error.msg


def test_configured_secrets_are_concealed_in_any_text(settings):
    options = {"api_key": "sk-123456", "webhook_secrets": ["whs-1", "whs-2"], "url": "https://a"}
    settings.GATEWAYS = {"acme": {"class": PATH, "options": options}}

    text = registry.conceal("acme", "https://a sk-123456 whs-2")

    assert text == "https://a [secret] [secret]"
