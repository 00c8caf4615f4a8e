"""A setting that is not on the page does not exist for whoever runs the service."""

import re

import pytest

from tests.servers import ROOT

READS = re.compile(r'environment\.\w+\(\s*"([A-Z_]+)"|environ(?:\.get\(|\[)"([A-Z_]+)"')
SOURCES = [path for path in (ROOT / "config").rglob("*.py") if path.name != "environment.py"]
SOURCES.append(ROOT / "core" / "kill_points.py")
NAMES = sorted(
    {
        name
        for path in SOURCES
        for found in READS.findall(path.read_text())
        for name in found
        if name
    }
)


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_is_on_its_page(name):
    assert f"`{name}`" in (ROOT / "docs" / "settings.md").read_text()


def test_the_settings_were_found():
    assert {"DATABASE_URL", "PG_BIN", "RUN_LEASE_SECONDS", "DATABASE_ADMIN_URL"} <= set(NAMES)
