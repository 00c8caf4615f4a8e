"""The same middleware in front of the test's doors, for a real server."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.ROOT_URLCONF = "tests.core.urls"
application = get_wsgi_application()
