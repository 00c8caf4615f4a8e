#!/usr/bin/env python3
"""Django's command line. Commands manage, so they use the owner's role; a few of them serve."""

import os
import sys

SERVING_COMMANDS = {"dispatch", "runserver", "start", "wait"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if not SERVING_COMMANDS & set(sys.argv[1:2]):
        os.environ.setdefault("DATABASE_ROLE", "owner")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
