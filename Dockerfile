# The producer's image, for ARM64 or x86_64: `docker buildx build --platform linux/arm64 -t REPOSITORY:TAG .`
# The base is named by tag, since no registry was reached to read its digest: pin it with `docker buildx imagetools inspect` before use.
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS packages
COPY packages/producer.lock /producer.lock
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r /producer.lock

FROM ${PYTHON}
COPY --from=packages /venv /venv
COPY ctc /app/ctc
COPY profiles /app/profiles
# ECS gives the volume /state the owner that the image has there; all else is read-only (infra/modules/producer).
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ctc \
    && mkdir /state \
    && chown ctc /state
VOLUME ["/state"]
USER 10001
WORKDIR /app
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CTC_PROFILE=cloud CTC_STATE=/state
STOPSIGNAL SIGTERM
CMD ["python", "-m", "ctc.producer"]
