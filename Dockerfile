# One image for web, dispatcher, worker and `manage.py`. It holds no setting and no secret: those
# come from the environment (docs/settings.md). Pin the base by digest where builds must repeat.

FROM python:3.11-slim-bookworm AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/base.txt /tmp/base.txt
# psycopg2-binary brings its own libpq and OpenSSL: rebuild the image when either has a fix.
# Nothing is installed at run time, so what could install stays behind.
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/base.txt \
    && /opt/venv/bin/pip uninstall --yes --quiet pip setuptools

FROM python:3.11-slim-bookworm
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Payment aggregator" \
      org.opencontainers.image.description="Takes payments and refunds over REST and carries each out exactly once" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A number, because an orchestrator that insists on a user other than root cannot look up a name.
RUN groupadd --gid 10001 pay \
    && useradd --uid 10001 --gid pay --no-create-home --home-dir /tmp --shell /usr/sbin/nologin pay \
    && install --directory --owner=pay --group=pay --mode=0750 /var/lib/payments
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
# Root's, so that the service cannot change its own code.
COPY . .
# An empty ENV_FILE: a container has its environment and nothing else. The root file system may be
# read-only; what is written goes to /tmp (a tmpfs, hence empty at each start, as the metrics need
# it) and /var/lib/payments (the mock provider's notes, shared by worker and web).
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    ENV_FILE="" \
    HOST=0.0.0.0 \
    PORT=8005 \
    PROMETHEUS_MULTIPROC_DIR=/tmp/metrics \
    HEARTBEAT_FILE=/tmp/heartbeat \
    MOCK_DB=/var/lib/payments/mock.sqlite3
# The address leads nowhere and is asked nothing: Django only wants to be configured.
RUN DEBUG=1 DATABASE_URL=postgresql://nobody@127.0.0.1:1/none \
    PROMETHEUS_MULTIPROC_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q . \
    && rm -rf /tmp/*
USER 10001:10001
EXPOSE 8005
# Dispatcher and worker have a probe of their own: python -m config.probe dispatcher
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
    CMD ["python", "-m", "config.probe", "web"]
CMD ["python", "manage.py", "start", "web"]
