"""The fixtures everything else stands on."""

import threading

import psycopg2
import pytest
import redis
from django.conf import settings
from django.db import connection

from core.db import rows, transaction
from core.models import Merchant


def user_and_database() -> tuple[str, str]:
    return rows("SELECT current_user, current_database()")[0]


@pytest.mark.django_db
class TestATestInATransaction:
    def test_runs_as_the_serving_role(self):
        user, database = user_and_database()

        assert user.endswith("_app")
        assert database.endswith("_shared")

    @pytest.mark.parametrize("turn", ["first", "second"])
    def test_leaves_nothing_behind(self, turn):
        Merchant.objects.create(name="Acme", default_gateway="mock_success")

        assert Merchant.objects.count() == 1

    def test_cannot_alter_a_table(self):
        with pytest.raises(Exception, match="must be owner of table core_merchant"):
            rows("ALTER TABLE core_merchant ADD COLUMN nickname text")

    def test_sees_the_owner_beside_it(self, owner):
        with owner.cursor() as cursor:
            cursor.execute("SELECT current_user, current_database()")
            user, database = cursor.fetchone()

        assert user.endswith("_owner")
        assert database == user_and_database()[1]


class TestACommittedDatabase:
    @pytest.mark.parametrize("turn", ["first", "second"])
    def test_is_fresh_and_commits(self, committed_db, turn):
        with transaction():
            Merchant.objects.create(name="Acme", default_gateway="mock_success")

        with committed_db.connect() as other, other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM core_merchant")
            assert cursor.fetchone() == (1,)

    def test_is_the_one_that_new_threads_use(self, committed_db):
        seen = []

        def look() -> None:
            seen.append(user_and_database()[1])
            connection.close()

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

        assert seen == [committed_db.name]

    def test_is_the_one_the_owner_sees(self, committed_db, owner):
        assert owner.info.dbname == committed_db.name

    def test_is_the_one_in_the_settings(self, committed_db):
        assert committed_db.url == settings.DATABASE_URL
        assert committed_db.env["DATABASE_OWNER_URL"] == committed_db.owner_url

    def test_is_closed_to_strangers(self, committed_db):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(committed_db.url.replace("_app:", "_app:x"))


def test_the_broker_is_empty_and_the_one_in_the_settings(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        client.set("key", "value")

    assert broker_url == settings.REDIS_URL


def test_the_broker_is_emptied_between_tests(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        assert client.keys() == []


@pytest.mark.django_db
def test_the_serving_role_has_bounds():
    bounds = rows(
        "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),"
        " current_setting('idle_in_transaction_session_timeout')"
    )

    assert bounds == [("5s", "30s", "10s")]
