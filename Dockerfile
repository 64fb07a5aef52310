# The service as an image: what `make install` installs, without the set-up for development. docker-compose.yml brings the database.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/ldt
# The pins first: they change less often than the code.
COPY constraints.txt ./
RUN /opt/ldt/bin/python -m pip install --no-cache-dir --quiet --disable-pip-version-check --require-hashes -r constraints.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY schemas schemas
COPY connectors connectors
COPY web web
RUN /opt/ldt/bin/python -m pip install --no-cache-dir --quiet --disable-pip-version-check --no-build-isolation --no-deps .

FROM python:3.11-slim-bookworm
# pg_dump, pg_restore and psql, for `ldt db backup` and `ldt db restore`.
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends postgresql-client-15 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/ldt --create-home ldt
COPY --from=build /opt/ldt /opt/ldt
ENV PATH=/opt/ldt/bin:$PATH LDT_DATA_DIR=/var/lib/ldt
USER ldt
WORKDIR /var/lib/ldt
VOLUME /var/lib/ldt
EXPOSE 8000
CMD ["ldt", "serve", "--host", "0.0.0.0", "--port", "8000"]
