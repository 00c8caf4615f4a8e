"""Runs the provider: ``python -m simulator --help``."""

import signal
import sys
import threading
from types import FrameType

from simulator import options, profiles
from simulator.options import Options
from simulator.postman import Postman
from simulator.server import Server
from simulator.store import Store, Unusable, set_setting


def run(given: Options) -> None:
    """Serve until a signal ends it.

    :raises BadProfile: if the profile says something that we do not know
    :raises Unusable: if the file is not ours to use
    """
    store = Store(given.database)
    with store.writing() as db:
        set_setting(db, "authorization_seconds", given.authorization_seconds)
    if given.profile:
        content = profiles.named(given.profile)
        with store.writing() as db:
            profiles.enforce(db, content, given.seed)
    with Server(given, store) as server:
        here = f"http://{given.host}:{server.server_address[1]}"
        with store.writing() as db:
            set_setting(db, "public_url", given.public_url or here)
        postman = Postman(store, given.webhook_url, given.webhook_secret)
        postman.start()

        def stop(number: int, frame: FrameType | None) -> None:
            # `shutdown` waits for the loop below to end, so it may not run in it.
            threading.Thread(target=server.shutdown).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        print(f"listening on {here}", flush=True)
        server.serve_forever(poll_interval=0.1)
        postman.stop()
    store.close()


def main() -> int:
    try:
        run(options.read())
    except (profiles.BadProfile, Unusable, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
