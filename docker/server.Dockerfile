# Cogwheel as a server in a container. From the root of the repository:
#
#     docker build -f docker/server.Dockerfile -t cogwheel .
#     docker run --read-only --cap-drop ALL -p 8080:8080 -v "$PWD/maps:/maps:ro" cogwheel     # maps/cogwheel.toml
#     docker run --read-only -p 8080:8080 -e COGWHEEL_CONFIG=s3://my-bucket/cogwheel.toml -e AWS_... cogwheel
#
# It writes nothing, runs as nobody in particular, and needs glibc, libstdc++ and certificates. Without a volume it serves the demo.
# tests/docker/run.sh runs these steps without Docker.

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY scripts/setup.sh scripts/
RUN sh scripts/setup.sh
COPY . .
# The cache keeps GDAL from one build of the image to the next.
RUN --mount=type=cache,target=/build/target \
    cargo build --release --locked && strip -o /cogwheel target/release/cogwheel

FROM debian:bookworm-slim
# No versions: the newest certificates are the ones to have.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /cogwheel /usr/local/bin/cogwheel
COPY docker/healthcheck.sh /usr/local/bin/
COPY cogwheel.toml /maps/
COPY data /maps/data
WORKDIR /maps
USER 65532:65532
ENV COGWHEEL_HOST=0.0.0.0 \
    COGWHEEL_PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/healthcheck.sh"]
ENTRYPOINT ["cogwheel"]
CMD ["serve"]
