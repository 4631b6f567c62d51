# docker build --target cpu -t isdbench:cpu .     or     docker build --target cuda -t isdbench:cuda .
# docker run --rm -v "$PWD/out:/work/out" isdbench:cpu run table1
FROM python:3.12-slim AS wheel
COPY . /source
RUN pip wheel --no-deps --wheel-dir /wheels /source

FROM python:3.12-slim AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 isdbench \
 && mkdir /work && chown isdbench /work
WORKDIR /work
ENTRYPOINT ["isdbench"]

FROM base AS cpu
RUN pip install --no-cache-dir torch torchvision --index-url https://download.pytorch.org/whl/cpu
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[geo,ray]"
USER isdbench

FROM base AS cuda
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[geo,ray]"
USER isdbench
