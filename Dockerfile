# syntax=docker/dockerfile:1
# The gateway and nothing else. Runs as a user without rights on a root file system that may be read-only:
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges --stop-timeout 45 …
# scripts/containers checks what can be checked without a container engine; CI has none, so the image is not built there.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The dependencies alone first, so that a change of our own code does not build them again.
COPY Cargo.toml Cargo.lock ./
COPY gateway/Cargo.toml gateway/Cargo.toml
COPY gateway/fuzz/Cargo.toml gateway/fuzz/Cargo.toml
COPY bench/Cargo.toml bench/Cargo.toml
COPY stage/Cargo.toml stage/Cargo.toml
RUN mkdir -p gateway/src gateway/benches gateway/tests/kafka gateway/fuzz/src bench/src stage/src \
    && echo 'fn main() {}' | tee gateway/src/main.rs gateway/benches/contacts.rs gateway/benches/filters.rs \
        gateway/tests/kafka/main.rs bench/src/main.rs \
    && touch gateway/src/lib.rs gateway/fuzz/src/lib.rs stage/src/lib.rs \
    && cargo build --locked --release --package gateway
COPY Cargo.toml Cargo.lock ./
COPY gateway gateway
COPY bench bench
COPY config/connectors config/connectors
RUN touch gateway/src/main.rs gateway/src/lib.rs \
    && cargo build --locked --release --package gateway \
    && strip target/release/gateway

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin gateway
COPY --from=build /src/target/release/gateway /usr/local/bin/gateway
USER 10001:10001
ENV GATEWAY_SERVER__LISTEN=0.0.0.0:8080 \
    GATEWAY_OPERATIONS__LISTEN=0.0.0.0:8081 \
    GATEWAY_TELEMETRY__LOG_FORMAT=json
EXPOSE 8080 8081
# Whether it lives; whether it is ready is the load balancer's question, at /readyz.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8081 && printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '200 OK' <&3"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["gateway"]
CMD ["serve"]
