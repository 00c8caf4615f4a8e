"""Every kill point, in every story that reaches it: die there, start again, and all must hold.

``python -m tests.kills --help``. The processes are the project's own, forked from one that has
imported everything; the web server is the standard library's, around the project's WSGI.
"""
