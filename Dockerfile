# The image of the whole product: one process that hosts every module, or those that CONVERTO_MODULES names.
#
#   docker build -t converto .
#   docker run --read-only --tmpfs /tmp -v converto:/data -p 8000:8000 converto
#
# Any Debian or Ubuntu with Python 3.11 or newer serves as a base.
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /source
RUN python -m venv /opt/converto && python -m venv /opt/build
COPY requirements.lock requirements-build.lock ./
RUN /opt/converto/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY scripts/hatch_build.py scripts/
COPY migrations migrations
COPY converto converto
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/converto/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index /wheels/*.whl \
    && /opt/converto/bin/pip uninstall --yes --quiet pip

FROM ${BASE_IMAGE}
# tini passes SIGTERM on and buries what the reading of a page leaves behind; versions are those of the base, with its security updates
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini tesseract-ocr tesseract-ocr-fin tesseract-ocr-swe tesseract-ocr-eng \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 converto \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent converto \
    && install --directory --owner converto --group converto --mode 0750 /data
COPY --from=build /opt/converto /opt/converto
ENV PATH=/opt/converto/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CONVERTO_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2).close()"]
ENTRYPOINT ["tini", "--", "converto"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
