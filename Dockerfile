# Two images: `docker build --target cpu .` and `docker build --target cuda .`; docs/how-to/container.md shows their use.

FROM python:3.12-slim-bookworm AS wheel
RUN pip install --no-cache-dir "uv>=0.5,<1"
COPY . /source
WORKDIR /source
# uv.lock becomes constraints: both images hold the versions that the tests ran with.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && uv export --frozen --no-hashes --no-emit-project --extra geo --extra ray --output-file /wheels/constraints.txt

FROM python:3.12-slim-bookworm AS base
# libGL and GLib are OpenCV's; KubeRay before 1.6 asks with wget whether a pod is ready
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 wget \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 isdbench \
 && mkdir /isdbench && chown isdbench /isdbench
WORKDIR /isdbench
ENTRYPOINT ["isdbench"]

# ray[default] has the server that KubeRay submits jobs to; the extra "ray" needs only the core.
FROM base AS cpu
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /wheels/constraints.txt \
      --extra-index-url https://download.pytorch.org/whl/cpu "$(ls /wheels/*.whl)[geo,ray]" "ray[default]"
USER 1000

FROM base AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# --compile and --optimized need a C compiler for their kernels
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /wheels/constraints.txt "$(ls /wheels/*.whl)[geo,ray]" "ray[default]"
USER 1000
