"""Keys come as ``id:key``, and whatever is wrong with them is said without them."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment

LONG = "k" * 32


def test_the_first_key_is_the_current_one(monkeypatch):
    monkeypatch.setenv("SOME_KEYS", f"new:{LONG}, old:{LONG}:with:colons")

    assert list(environment.keys("SOME_KEYS").items()) == [
        ("new", LONG),
        ("old", f"{LONG}:with:colons"),
    ]


@pytest.mark.parametrize("value", ["short:key", LONG, f":{LONG}", f"a:{LONG},a:{LONG}x", "a:"])
def test_another_form_is_refused_and_not_repeated(monkeypatch, value):
    monkeypatch.setenv("SOME_KEYS", value)

    with pytest.raises(ImproperlyConfigured, match="SOME_KEYS must be id:key") as refused:
        environment.keys("SOME_KEYS")

    assert LONG not in str(refused.value)
