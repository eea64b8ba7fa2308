# The image of the whole product: one process that hosts every module, or those that CONVERTO_MODULES names.
#
#   docker build -t converto .
#   docker run --read-only --tmpfs /tmp -v converto:/data -p 8000:8000 converto
#
# Any Debian or Ubuntu with Python 3.11 or newer serves as a base.
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /source
# versions are those of the base, with its security updates
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
    binutils tini tesseract-ocr-fin tesseract-ocr-swe tesseract-ocr-eng tesseract-ocr-osd \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/converto && python -m venv /opt/build
COPY requirements.lock requirements-build.lock ./
RUN /opt/converto/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --require-hashes -r requirements.lock \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY scripts/hatch_build.py scripts/lighten scripts/
COPY migrations migrations
COPY converto converto
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/converto/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --no-deps --no-index /wheels/*.whl \
    && scripts/lighten /opt/converto \
    && install --directory /languages \
    && cp /usr/share/tesseract-ocr/*/tessdata/*.traineddata /languages

FROM ${BASE_IMAGE} AS system
# What installs packages, and papers, are of no use where nothing can be written; who holds which rights stays. tini passes SIGTERM on and
# buries what the reading of a page leaves behind.
RUN groupadd --system --gid 10001 converto \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent converto \
    && install --directory --owner converto --group converto --mode 0750 /data \
    && rm -rf /var/cache/apt /var/lib/apt /usr/share/locale /usr/share/man /usr/share/info /usr/share/python-wheels \
    && find /usr/share/doc -type f ! -name copyright -delete \
    && find / -xdev -depth -type d \( -path '*-packages/pip' -o -path '*-packages/setuptools' -o -path '*-packages/pkg_resources' \
    -o -path '*/python3*/ensurepip' -o -path '*/python3*/idlelib' -o -path '*/python3*/test' \) -exec rm -rf {} + \
    && python -m compileall -q "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /usr/bin/tini /usr/bin/tini
COPY --from=build /languages /usr/share/tessdata
COPY --from=build /opt/converto /opt/converto

# all of it in one layer: what was taken out of the base is no longer there
FROM scratch
# hadolint ignore=DL3067
COPY --from=system / /
ENV PATH=/opt/converto/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TESSDATA_PREFIX=/usr/share/tessdata \
    CONVERTO_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2).close()"]
ENTRYPOINT ["tini", "--", "converto"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
