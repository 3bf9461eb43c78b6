# syntax=docker/dockerfile:1
# Both programs in one image:
#   docker build --tag user-metadata .
#   docker run --publish 127.0.0.1:8080:8080 user-metadata
#   docker run user-metadata metadata-consumer --brokers kafka:9092

# The compiler of rust-toolchain.toml, and the Debian release of the last stage: same C library.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY bin bin
COPY xtask xtask
# What is compiled stays in the builder's cache: a changed line rebuilds its crate, no dependency.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin ws-server --bin metadata-consumer \
    && install -D --target-directory=/out/bin target/release/ws-server target/release/metadata-consumer \
    && install --directory /out/data

# A C library and the certificates of public authorities; no shell, no package manager. So there is
# no HEALTHCHECK either: whoever runs the container asks /livez and /readyz.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="user-metadata" \
      org.opencontainers.image.description="Who connects to a WebSocket service, and from what: ws-server and metadata-consumer" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /out/bin /usr/local/bin
# A new volume takes its owner from here; the programs make their folder in it, for themselves alone.
COPY --from=build --chown=65532:65532 /out/data /var/lib/user-metadata
ENV USER_METADATA_DATA_DIR=/var/lib/user-metadata/data \
    WS_SERVER_LISTEN=0.0.0.0:8080 \
    WS_SERVER_ADMIN_LISTEN=0.0.0.0:9464 \
    METADATA_CONSUMER_LISTEN=0.0.0.0:8081
VOLUME /var/lib/user-metadata
WORKDIR /var/lib/user-metadata
# Of both programs; 9464 and 8081 are the operators' and ask nobody who they are.
EXPOSE 8080 9464 8081
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
STOPSIGNAL SIGTERM
CMD ["ws-server"]
