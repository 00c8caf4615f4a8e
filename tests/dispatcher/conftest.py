from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from config.celery import app
from dispatcher.loop import Loop
from dispatcher.publishing import Publisher


@pytest.fixture
def broker(broker_url: str) -> Iterator["redis.Redis"]:
    app.set_current()
    with closing(redis.Redis.from_url(broker_url)) as client:
        yield client


@pytest.fixture
def loop(broker) -> Iterator[Loop]:
    made = Loop(Publisher())
    yield made
    made.publisher.close()
