# tradingd in a container: docs/running.md says how it is run. Two stages of one base, so that the environment built
# in the first works in the second, which has no installer, no compiler and no development dependency.
# Commands are plain and all in the first stage: tests/daemon/test_docker_steps.py runs them as they stand.

FROM python:3.11-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_PREFERENCE=only-system
WORKDIR /src
RUN python -m pip install --no-cache-dir uv==0.13.9 \
    && uv venv /opt/tradingd
COPY requirements.txt ./
RUN uv pip install --python /opt/tradingd --require-hashes --requirement requirements.txt
# The build backend is pinned in the other list, of which nothing else is installed, and it stays in this stage.
COPY LICENSE README.md pyproject.toml requirements-dev.txt ./
COPY tradingd tradingd
RUN uv build --wheel --require-hashes --build-constraints requirements-dev.txt --out-dir /dist \
    && uv pip install --python /opt/tradingd --no-deps /dist/*.whl \
    && mkdir /state

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="tradingd" \
      org.opencontainers.image.description="Runs trading strategies drawn as graphs" \
      org.opencontainers.image.licenses="MIT"
# There is no linear algebra here: no thread per core for it.
ENV OPENBLAS_NUM_THREADS=1 \
    PATH=/opt/tradingd/bin:$PATH
COPY --from=build /opt/tradingd /opt/tradingd
COPY --from=build --chown=10001:10001 /state /var/lib/tradingd
COPY config/tradingd.toml /etc/tradingd/tradingd.toml
USER 10001:10001
VOLUME /var/lib/tradingd
STOPSIGNAL SIGTERM
# The start period covers the warm-up from history.
HEALTHCHECK --start-period=150s --interval=30s --timeout=5s --retries=3 \
    CMD ["tradingd", "ctl", "health", "-c", "/etc/tradingd/tradingd.toml", "--timeout", "4"]
ENTRYPOINT ["tradingd"]
CMD ["run", "-c", "/etc/tradingd/tradingd.toml"]
