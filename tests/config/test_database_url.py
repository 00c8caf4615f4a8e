"""What a database URL says is what the connection does, or the process does not start."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from config.environment import BASE_DIR, database

URL = "postgresql://pay%40app:p%2Fw@db.example:6432/pay%20db"


def test_its_parts_are_unescaped():
    translated = database(URL)

    assert (translated["USER"], translated["PASSWORD"]) == ("pay@app", "p/w")
    assert (translated["HOST"], translated["PORT"]) == ("db.example", "6432")
    assert translated["NAME"] == "pay db"


def test_its_query_reaches_libpq():
    query = "?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=9"

    options = database(URL + query)["OPTIONS"]

    assert options["sslmode"] == "verify-full"
    assert options["sslrootcert"] == "/etc/ca.pem"
    assert options["connect_timeout"] == "9"


def test_without_a_query_a_silent_server_is_not_waited_for_without_end():
    options = database(URL)["OPTIONS"]

    assert options["connect_timeout"] == "5"
    assert options["keepalives"] == "1"
    assert int(options["tcp_user_timeout"]) <= 30_000
    assert "options" not in options


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (URL + "?ssl_mode=require", "ssl_mode"),
        (URL + "?SSLMODE=require", "SSLMODE"),
        (URL + "?dbname=other", "dbname"),
        (URL + "?sslmode=require&sslmode=disable", "twice"),
        ("sqlite:///pay.db?mode=ro", "mode"),
        ("mysql://db.example/pay", "postgresql://"),
        ("postgresql://app:secret/word@db.example/pay", "port"),
    ],
)
def test_a_url_is_refused_that_says_what_is_not_done(url, said):
    with pytest.raises(ImproperlyConfigured, match=said) as refused:
        database(url)

    assert "secret" not in str(refused.value)


@pytest.mark.django_db
def test_a_connection_is_made_with_what_the_url_says():
    settings = connection.settings_dict
    given = {**settings, "OPTIONS": database(URL + "?application_name=till")["OPTIONS"]}
    wrapper = DatabaseWrapper(given)

    try:
        parameters = wrapper.get_new_connection(wrapper.get_connection_params())
        told = parameters.get_dsn_parameters()
        parameters.close()
    finally:
        wrapper.close()

    assert told["application_name"] == "till"
    assert told["connect_timeout"] == "5"
    assert told["keepalives_idle"] == "10"


@pytest.mark.parametrize("name", sorted(database(URL)["OPTIONS"]))
def test_a_default_is_on_the_settings_page(name):
    assert f"`{name}`" in (BASE_DIR / "docs" / "settings.md").read_text()
