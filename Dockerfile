# The service, its worker and its operator's commands; which one it is says the command.
# The first stages build what the last holds: the form renderer of the DTR app, an environment from requirements.lock,
# and the code with its policies and forms. No compiler, no cache and no secret comes along, and nothing runs as root.

FROM node:22-slim AS renderer
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /srv
COPY Makefile ./
RUN make renderer && test -f app/dtr/renderer/lhc-forms.js

FROM python:3.11-slim AS build
WORKDIR /srv/priorauth
COPY requirements.lock ./
RUN python -m venv /opt/priorauth \
 && /opt/priorauth/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY fhir_r4 ./fhir_r4
COPY cql ./cql
COPY rules ./rules
COPY questionnaires ./questionnaires
COPY cds_hooks ./cds_hooks
COPY prior_auth ./prior_auth
COPY app ./app
COPY --from=renderer /srv/app/dtr/renderer ./app/dtr/renderer
# In place, since policies and forms lie beside the code.
RUN /opt/priorauth/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --no-build-isolation --no-deps --editable . \
 && /opt/priorauth/bin/python -m compileall -q .

FROM python:3.11-slim
RUN groupadd --gid 10001 priorauth \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin priorauth \
 && install --directory --owner=priorauth --group=priorauth /data
COPY --from=build /opt/priorauth /opt/priorauth
COPY --from=build /srv/priorauth /srv/priorauth
ENV PATH=/opt/priorauth/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PRIORAUTH_DATA=/data
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=2); c.request('GET', '/health/ready'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["priorauth"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
