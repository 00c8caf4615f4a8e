import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from core import metrics

ROOT = Path(__file__).resolve().parents[2]
# The page goes to standard output, so the log must not.
BEGIN = """
import os, signal, sys
import django
django.setup()
from core import logging, metrics
logging.configure(sys.stderr)
"""
NAME = re.compile(r"pay_[a-z_]+(_total|_seconds|_open)")


def value(text, name, **labels):
    """Return the one sample of this name that has these labels."""
    samples = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(samples) <= 1
    return samples[0] if samples else None


def page():
    return metrics.exposition().decode()


def in_another_process(folder, code):
    """Run the code in a new interpreter that writes to this metrics folder."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", BEGIN + dedent(code)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(metrics, "_samplers", {})


@pytest.mark.django_db  # a request ends by looking after its connections
def test_requests_are_counted_by_route_and_status(client):
    known = {"method": "GET", "route": "api/orders/", "status": "200"}
    unknown = {"method": "other", "route": "unmatched", "status": "404"}
    before = page()

    client.get("/api/orders/")
    client.generic("BREW", "/nowhere/at/all")

    after = page()
    for labels in (known, unknown):
        counted = value(before, "pay_requests_total", **labels) or 0
        assert value(after, "pay_requests_total", **labels) == counted + 1
    assert "nowhere" not in after


def test_the_page_is_prometheus_text(client):
    client.get("/api/orders/")

    answer = client.get("/metrics")

    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert value(answer.content.decode(), "pay_request_seconds_count", route="api/orders/") >= 1


def test_every_name_has_our_prefix_and_a_unit(client):
    client.get("/api/orders/")

    names = re.findall(r"^# TYPE (\S+) ", page(), re.MULTILINE)
    assert [name for name in names if not NAME.fullmatch(name)] == []


def test_forked_processes_are_added_up(tmp_path):
    text = in_another_process(
        tmp_path,
        """
        metrics.FENCE_REJECTIONS.inc(5)
        metrics.MESSAGES_SETTLED.labels("charge", "done").inc()
        children = []
        for number in range(3):
            child = os.fork()
            if child == 0:
                for _ in range(100):
                    metrics.FENCE_REJECTIONS.inc()
                    metrics.MESSAGES_SETTLED.labels("charge", "done").inc()
                    metrics.GATEWAY_SECONDS.labels("mock", "charge").observe(0.01)
                os._exit(0)
            children.append(child)
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        metrics.FENCE_REJECTIONS.inc()
        sys.stdout.write(metrics.exposition().decode())
        """,
    )

    assert value(text, "pay_fence_rejections_total") == 306
    assert value(text, "pay_messages_settled_total", kind="charge", result="done") == 301
    labels = {"gateway": "mock", "operation": "charge"}
    assert value(text, "pay_gateway_seconds_count", **labels) == 300
    assert value(text, "pay_gateway_seconds_bucket", **labels, le="+Inf") == 300


def test_a_killed_process_keeps_its_counts_and_loses_its_gauges(tmp_path):
    text = in_another_process(
        tmp_path,
        """
        child = os.fork()
        if child == 0:
            metrics.BREAKER_OPEN.set(1)
            metrics.PUBLISH_FAILURES.inc(7)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        sys.stdout.write(metrics.exposition().decode())
        """,
    )

    assert value(text, "pay_breaker_open") == 0
    assert value(text, "pay_publish_failures_total") == 7


def test_a_living_process_shows_its_gauge_to_the_others(tmp_path):
    text = in_another_process(
        tmp_path,
        """
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            metrics.BREAKER_OPEN.set(1)
            os.write(write, b"x")
            signal.pause()
        os.read(read, 1)
        sys.stdout.write(metrics.exposition().decode())
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        """,
    )

    assert value(text, "pay_breaker_open") == 1


@pytest.mark.parametrize("rest", [b"", b"\xff" * 100])
def test_a_file_cut_short_costs_only_itself(tmp_path, rest):
    (tmp_path / "counter_999999.db").write_bytes(rest)

    text = in_another_process(
        tmp_path,
        """
        metrics.FENCE_REJECTIONS.inc()
        sys.stdout.write(metrics.exposition().decode())
        """,
    )

    assert value(text, "pay_fence_rejections_total") == 1


def test_samplers_are_asked_at_each_reading(registered):
    ages = iter([1.5, 2.5])

    @metrics.sampler
    def oldest():
        return [GaugeMetricFamily("pay_oldest_pending_seconds", "Age", value=next(ages))]

    assert [value(page(), "pay_oldest_pending_seconds") for _ in range(2)] == [1.5, 2.5]


def test_a_sampler_that_fails_is_counted_and_logged_and_breaks_nothing(registered, lines):
    @metrics.sampler
    def broken():
        yield GaugeMetricFamily("pay_half_seconds", "Half", value=1)
        raise RuntimeError("no database")

    @metrics.sampler
    def whole():
        return [GaugeMetricFamily("pay_whole_seconds", "Whole", value=1)]

    name = f"{broken.__module__}.{broken.__qualname__}"
    before = value(page(), "pay_sampler_failures_total", sampler=name)
    text = page()

    assert value(text, "pay_sampler_failures_total", sampler=name) == before + 1
    assert value(text, "pay_whole_seconds") == 1
    assert value(text, "pay_half_seconds") is None
    assert "metrics.sampler_failed" in lines.getvalue()


def test_this_process_is_alive_and_an_ended_one_is_not():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.send_signal(signal.SIGCONT)
    ended.wait()

    assert metrics._is_alive(os.getpid())
    assert not metrics._is_alive(ended.pid)
