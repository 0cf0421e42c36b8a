# The one image: Airflow, the Spark driver, the Spark master and its workers. Built by `make image`.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 ASSAY_HOME=/tmp/assay ASSAY_RUNTIME=/opt/assay/runtime
WORKDIR /opt/assay
# Packages first: a change of the code alone leaves these layers as they are.
COPY pyproject.toml requirements.txt requirements-dev.txt LICENSE ./
COPY include/assay/bootstrap.py include/assay/bootstrap.py
RUN python3 -I include/assay/bootstrap.py --exec python -- --version
COPY include include
# Java's launcher and the JARs, then in a layer of its own the cache that depends on their dates.
RUN .venv/bin/assay serve fetch
RUN .venv/bin/assay serve train
COPY plugins plugins
COPY dags dags
# What only an installation needs stays behind.
RUN .venv/bin/uv pip uninstall --quiet --python .venv/bin/python pip hatchling uv \
 && .venv/bin/python -m compileall -q include plugins dags

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="assay" \
      org.opencontainers.image.description="An Airflow-orchestrated medallion pipeline" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The folders are made here so that a named volume mounted on them belongs to the user.
# Spark's workers run as a user of their own: what Airflow's may write, and what it executes, is
# out of their reach.
RUN groupadd --gid 10001 assay \
 && useradd --uid 10001 --gid assay --home-dir /var/lib/assay --no-create-home assay \
 && useradd --uid 10002 --gid assay --home-dir /var/lib/assay --no-create-home assay-worker \
 && install -d -o assay -g assay /var/lib/assay /run/assay /run/assay/postgres \
 && install -d -o assay -g assay -m 0700 /run/airflow \
 && install -d -o assay -g assay -m 0775 /var/lib/assay/tmp
COPY --from=build /opt/assay /opt/assay
ENV PATH=/opt/assay/.venv/bin:$PATH \
    ASSAY_HOME=/var/lib/assay \
    ASSAY_RUNTIME=/opt/assay/runtime \
    ASSAY_SECRETS=/run/assay/secrets.json \
    AIRFLOW_HOME=/run/airflow \
    PYTHONUNBUFFERED=1 \
    TZ=UTC
WORKDIR /var/lib/assay
USER 10001
HEALTHCHECK --interval=30s --timeout=10s --retries=4 --start-period=2m \
  CMD ["/opt/assay/include/assay_stack/healthy.sh"]
ENTRYPOINT ["assay"]
CMD ["--help"]
