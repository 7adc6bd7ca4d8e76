# Two stages: the first builds wheels with everything that a build needs, the last holds Python,
# the installed packages and nothing else.
FROM python:3.13-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /opt/worker \
    && /opt/worker/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY contracts contracts
COPY worker worker
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/worker/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/worker/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home worker
COPY --from=build /opt/worker /opt/worker
ENV PATH=/opt/worker/bin:$PATH PYTHONUNBUFFERED=1
USER worker
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["activation-worker"]
CMD ["run"]
