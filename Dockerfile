# Two stages: the first builds with everything that a build needs, the last holds Python, the
# installed packages and nothing else.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
COPY requirements.lock ./
RUN python3 -m venv /opt/worker \
    && /opt/worker/bin/pip install --no-cache-dir --require-hashes --no-deps --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY contracts contracts
COPY worker worker
RUN /opt/worker/bin/pip install --no-cache-dir --no-deps ./contracts . \
    && /opt/worker/bin/pip uninstall --yes pip setuptools

FROM ${BASE}
RUN useradd --uid 10001 --no-create-home worker
COPY --from=build /opt/worker /opt/worker
ENV PATH=/opt/worker/bin:$PATH PYTHONUNBUFFERED=1
# By number, so that Kubernetes can see that it is not root.
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python3", "-m", "worker.telemetry.health_check"]
ENTRYPOINT ["activation-worker"]
CMD ["run"]
