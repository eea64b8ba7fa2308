# The image of the whole product: one process that hosts every module, or those that CONVERTO_MODULES names.
#
#   docker build -t converto .
#   docker run --read-only --tmpfs /tmp -v converto:/data -p 8000:8000 converto
#
# Any Debian or Ubuntu with Python 3.11 or newer serves as a base. The first build compiles OpenCV, which takes two cores six minutes: see
# docs/decisions/0019-what-the-image-weighs.md.
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS locks
WORKDIR /source
COPY requirements.lock ./
# in a file of its own, so that OpenCV is compiled anew where its own line changes and not with every other
RUN sed -n '/^opencv-python-headless==/,/[^\\]$/p' requirements.lock >opencv.lock \
    && sed '/^opencv-python-headless==/,/[^\\]$/d' requirements.lock >others.lock

FROM ${BASE_IMAGE} AS tools
WORKDIR /source
# versions are those of the base, with its security updates
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
    cmake g++ ninja-build python3-dev tini tesseract-ocr-fin tesseract-ocr-swe tesseract-ocr-eng tesseract-ocr-osd \
    && rm -rf /var/lib/apt/lists/*
COPY requirements-build.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-build.lock

FROM tools AS opencv
COPY --from=locks /source/opencv.lock ./
RUN /opt/build/bin/pip download --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --no-binary :all: \
    --require-hashes -r opencv.lock \
    && tar -xzf opencv*.tar.gz --strip-components 1
# what pages are read with, and neither films nor cameras, file formats nor linear algebra
RUN cmake -S opencv -B made -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DBUILD_LIST=core,geometry,imgproc,python3 \
    -DOPENCV_SKIP_PYTHON_LOADER=ON -DPYTHON3_LIMITED_API=ON -DPYTHON3_EXECUTABLE=/opt/build/bin/python \
    -DPYTHON3_INCLUDE_DIR="$(/opt/build/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
    -DPYTHON3_LIBRARY="$(/opt/build/bin/python -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')" \
    -DPYTHON3_NUMPY_INCLUDE_DIRS="$(/opt/build/bin/python -c 'import numpy; print(numpy.get_include())')" \
    -DBUILD_JAVA=OFF -DBUILD_PERF_TESTS=OFF -DBUILD_TESTS=OFF -DBUILD_opencv_apps=OFF \
    -DWITH_ADE=OFF -DWITH_AVIF=OFF -DWITH_EIGEN=OFF -DWITH_FFMPEG=OFF -DWITH_GSTREAMER=OFF -DWITH_IPP=OFF -DWITH_ITT=OFF -DWITH_JASPER=OFF \
    -DWITH_JPEG=OFF -DWITH_LAPACK=OFF -DWITH_OPENCL=OFF -DWITH_OPENEXR=OFF -DWITH_OPENJPEG=OFF -DWITH_PNG=OFF -DWITH_PROTOBUF=OFF \
    -DWITH_TIFF=OFF -DWITH_V4L=OFF -DWITH_WEBP=OFF \
    && cmake --build made --target opencv_python3
RUN install --directory /cv2 && cp made/lib/python3/cv2*.so /cv2 \
    && said="/cv2/opencv_python_headless-$(sed -n 's/^Version: //p' PKG-INFO).dist-info" \
    && install --directory "$said" && cp PKG-INFO "$said/METADATA" && cp LICENSE* "$said"

FROM tools AS build
RUN python -m venv /opt/converto
COPY --from=locks /source/others.lock ./
RUN /opt/converto/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --no-deps --require-hashes -r others.lock
COPY pyproject.toml README.md LICENSE ./
COPY scripts/hatch_build.py scripts/lighten scripts/
COPY migrations migrations
COPY converto converto
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/converto/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --no-deps --no-index /wheels/*.whl
COPY --from=opencv /cv2 /cv2
RUN cp -r /cv2/. "$(/opt/converto/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" \
    && scripts/lighten /opt/converto \
    && install --directory /languages \
    && cp /usr/share/tesseract-ocr/*/tessdata/*.traineddata /languages

FROM ${BASE_IMAGE} AS system
COPY scripts/lighten-system /tmp/
RUN groupadd --system --gid 10001 converto \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent converto \
    && install --directory --owner converto --group converto --mode 0750 /data \
    && /tmp/lighten-system && rm /tmp/lighten-system
# tini passes SIGTERM on and buries what the reading of a page leaves behind
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
