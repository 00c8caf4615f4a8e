"""Images under the official names, made from Debian packages where no registry can be reached.

They keep to what the official images promise and docker-compose.yml relies on, and to no more:
`python`, a Python 3.11 on the PATH; `postgres`, POSTGRES_PASSWORD, a data folder in
/var/lib/postgresql/data and connections from anywhere; `redis`, redis-server in /data.
"""

import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.containers.podman import Podman
from tests.containers.speech import Failed, say

SUITE = "bookworm"
POSTGRES = """\
#!/bin/sh
set -eu
data=/var/lib/postgresql/data
as="setpriv --reuid=postgres --regid=postgres --clear-groups"
mkdir -p "$data" /var/run/postgresql
chown postgres:postgres "$data" /var/run/postgresql
chmod 700 "$data"
if [ ! -s "$data/PG_VERSION" ]; then
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    chown postgres /tmp/password
    $as initdb --pgdata="$data" --username=postgres --pwfile=/tmp/password \\
        --auth-host=scram-sha-256 --encoding=UTF8 --no-locale
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
fi
exec $as postgres -D "$data" -c "listen_addresses=*"
"""
REDIS = """\
#!/bin/sh
set -eu
chown redis:redis /data
exec setpriv --reuid=redis --regid=redis --clear-groups "$@" --protected-mode no
"""


@dataclass(frozen=True, slots=True)
class StandIn:
    """An image: its official name, the packages in it, and how it starts."""

    image: str
    packages: str
    entrypoint: str = ""
    changes: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


STAND_INS = (
    StandIn("python:3.11-slim-bookworm", "python3,python3-venv,ca-certificates"),
    StandIn(
        "postgres:17-bookworm",
        "postgresql-15",
        POSTGRES,
        (
            "ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
            "STOPSIGNAL SIGINT",
        ),
        ("var/lib/postgresql/data",),
    ),
    StandIn("redis:7.2-bookworm", "redis-server", REDIS, ("WORKDIR /data",), ("data",)),
)


def add(podman: Podman, folder: Path) -> None:
    """Give podman the images, keeping their file systems in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in STAND_INS:
        archive = folder / f"{one.image.partition(':')[0]}.tar"
        if not archive.exists():
            _bootstrap(one, archive)
        say(f"importing {one.image}")
        changes = list(one.changes)
        if one.entrypoint:
            changes.append('ENTRYPOINT ["/usr/local/bin/entrypoint"]')
        options = [part for change in changes for part in ("--change", change)]
        podman("import", "--quiet", *options, str(archive), f"docker.io/library/{one.image}")


def _bootstrap(one: StandIn, archive: Path) -> None:
    say(f"making a file system for {one.image} by debootstrap, about a minute")
    root, log = archive.with_suffix(".root"), archive.with_suffix(".log")
    command = ["debootstrap", "--variant=minbase", f"--include={one.packages}", SUITE, str(root)]
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=output, check=False)
    if done.returncode:
        message = f"debootstrap failed, see {log}"
        raise Failed(message)
    _finish(one, root)
    # Complete under its final name only.
    unfinished = archive.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as tar:
        tar.add(root, ".", filter=_without_devices)
    unfinished.rename(archive)
    shutil.rmtree(root)


def _finish(one: StandIn, root: Path) -> None:
    for name in one.folders:
        (root / name).mkdir(parents=True, exist_ok=True)
    if one.entrypoint:
        script = root / "usr" / "local" / "bin" / "entrypoint"
        script.write_text(one.entrypoint)
        script.chmod(0o755)
    # As in the official image, whose Python is not Debian's.
    python = root / "usr" / "bin" / "python3"
    if python.exists():
        (root / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")


def _without_devices(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if member.isdev() else member
