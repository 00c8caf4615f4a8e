"""A podman that shares nothing with the machine's: storage, networks and settings of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.containers.speech import Failed

PACKAGES = "podman runc debootstrap netavark aardvark-dns iptables catatonit curl git"
PROGRAMS = ("podman", "runc", "debootstrap", "iptables", "curl", "git")
NETWORK_PROGRAMS = Path("/usr/lib/podman")
# runc and cgroupfs, because a container of a sandbox has no systemd to ask; the limits, because
# such a place may not raise its own.
ENGINE = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{folder}/tmp"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""
REGISTRIES = 'unqualified-search-registries = ["docker.io"]\n'


def check_machine() -> None:
    """Refuse a machine on which this cannot work, and say what would help.

    :raises Failed: if it cannot
    """
    if os.geteuid() != 0:
        message = "this needs root: it makes file systems and networks"
        raise Failed(message)
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    missing += [
        name for name in ("netavark", "aardvark-dns") if not (NETWORK_PROGRAMS / name).exists()
    ]
    if missing:
        message = (
            f"missing here: {', '.join(missing)}. On Debian 12 or newer: "
            f"apt-get install --no-install-recommends {PACKAGES}"
        )
        raise Failed(message)


class Podman:
    """The program with its settings, and what it says about containers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "CONTAINERS_CONF": self._write("containers.conf", ENGINE),
            "CONTAINERS_STORAGE_CONF": self._write("storage.conf", STORAGE),
            "CONTAINERS_REGISTRIES_CONF": self._write("registries.conf", REGISTRIES),
        }

    def _write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text.replace("{folder}", str(self.folder)))
        return str(path)

    def __call__(self, *arguments: str, may_fail: bool = False) -> str:
        """Run podman and return what it printed.

        :raises Failed: if it fails and may not
        """
        done = subprocess.run(
            ["podman", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not may_fail:
            message = f"podman {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
            raise Failed(message)
        return done.stdout.strip()

    def code(self, *arguments: str) -> int:
        """Run podman and return its exit code."""
        done = subprocess.run(
            ["podman", *arguments], env=self.env, capture_output=True, check=False
        )
        return done.returncode

    def containers(self) -> dict[str, str]:
        """Return the containers' names by their services."""
        found = json.loads(self("ps", "--all", "--format", "json"))
        label = "com.docker.compose.service"
        return {one["Labels"][label]: one["Names"][0] for one in found if label in one["Labels"]}

    def state(self, container: str) -> dict[str, Any]:
        """Return what is known of a container's process."""
        found: dict[str, Any] = json.loads(self("inspect", container))[0]["State"]
        return found

    def pids(self, container: str, word: str) -> list[int]:
        """Return this machine's ids of the container's processes that have the word in them."""
        rows = self("top", container, "hpid", "args").splitlines()[1:]
        return [int(pid) for pid, _, args in (row.partition(" ") for row in rows) if word in args]

    def remove_everything(self) -> None:
        """Remove every container, volume, network and image, and the storage itself."""
        self("system", "reset", "--force", may_fail=True)
