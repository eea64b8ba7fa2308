# The image of the whole product: one process that hosts every module, or those that CONVERTO_MODULES names.
#
#   docker build -t converto .
#   docker run --read-only --tmpfs /tmp -v converto:/data -p 8000:8000 converto
#
# Any Debian or Ubuntu with Python 3.11 or newer serves as a base. The first build compiles OpenCV, for some minutes; docs/decisions/0019 says why.
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS locks
WORKDIR /source
COPY requirements.lock ./
# a lock of its own, so that OpenCV is compiled anew where its own line changes, and not with every other one
RUN sed -n '/^opencv-python-headless==/,/[^\\]$/p' requirements.lock >opencv.lock \
    && sed '/^opencv-python-headless==/,/[^\\]$/d' requirements.lock >others.lock

FROM ${BASE_IMAGE} AS compiler
WORKDIR /source
# versions are those of the base, with its security updates
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils cmake g++ ninja-build python3-dev \
    tini tesseract-ocr-fin tesseract-ocr-swe tesseract-ocr-eng tesseract-ocr-osd \
    && rm -rf /var/lib/apt/lists/*
COPY requirements-build.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-build.lock

FROM compiler AS opencv
COPY --from=locks /source/opencv.lock ./
# of 153 MB in its wheel 140 are for films, cameras, networks and linear algebra, which no page that is read meets
ENV ENABLE_HEADLESS=1 \
    CMAKE_ARGS="-DBUILD_LIST=core,geometry,imgproc,python3 -DBUILD_opencv_apps=OFF -DBUILD_TESTS=OFF -DBUILD_PERF_TESTS=OFF -DWITH_ADE=OFF -DWITH_EIGEN=OFF -DWITH_FFMPEG=OFF -DWITH_IPP=OFF -DWITH_ITT=OFF -DWITH_LAPACK=OFF -DWITH_OPENCL=OFF -DWITH_PROTOBUF=OFF -DWITH_V4L=OFF"
RUN PATH=/opt/build/bin:$PATH pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
    --no-binary opencv-python-headless --require-hashes -r opencv.lock --wheel-dir /wheels

FROM compiler AS build
RUN python -m venv /opt/converto
COPY --from=locks /source/others.lock ./
RUN /opt/converto/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --no-deps --require-hashes -r others.lock
COPY --from=opencv /wheels /wheels
COPY pyproject.toml README.md LICENSE ./
COPY scripts/hatch_build.py scripts/lighten scripts/
COPY migrations migrations
COPY converto converto
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/converto/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --no-deps --no-index /wheels/*.whl \
    && (/opt/converto/bin/pip uninstall --yes --quiet setuptools || true) \
    && /opt/converto/bin/pip uninstall --yes --quiet pip \
    && scripts/lighten /opt/converto \
    && install --directory /languages \
    && cp /usr/share/tesseract-ocr/*/tessdata/*.traineddata /languages

FROM ${BASE_IMAGE} AS system
# what installs packages, and papers, are of no use where nothing can be written; who holds which rights stays
RUN groupadd --system --gid 10001 converto \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent converto \
    && install --directory --owner converto --group converto --mode 0750 /data \
    && rm -rf /var/cache/apt /var/lib/apt /var/log/* /usr/share/locale /usr/share/man /usr/share/info /usr/share/python-wheels \
    && find /usr/share/doc -type f ! -name copyright -delete \
    && find / -xdev -depth -type d \( -path '*/site-packages/pip*' -o -path '*/dist-packages/pip*' -o -path '*/dist-packages/setuptools*' \
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
