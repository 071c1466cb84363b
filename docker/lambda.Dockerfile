# Cogwheel for AWS Lambda, built in Docker: the same zip as `make lambda`, or a container image of AWS's own base. From
# the root of the repository:
#
#     docker build -f docker/lambda.Dockerfile --target zip --output dist .
#     docker build -f docker/lambda.Dockerfile -t cogwheel-lambda .
#
# Of another architecture than this machine's by --build-arg ARCH=arm64 (the image: with --platform linux/arm64 too).
# tests/docker/run.sh runs these steps without Docker.
ARG ARCH=x86_64

# It compiles across, so it is always of the machine's own architecture.
FROM --platform=$BUILDPLATFORM rust:1.95-bookworm AS build
ARG ARCH
WORKDIR /build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY scripts/setup.sh scripts/
RUN sh scripts/setup.sh
COPY . .
# The cache keeps GDAL from one build of the image to the next.
RUN --mount=type=cache,target=/build/target \
    bash scripts/lambda/build.sh "$ARCH" && cp "target/lambda-bootstrap/$ARCH/cogwheel/bootstrap" /bootstrap

FROM scratch AS zip
COPY --from=build /build/dist/ /

FROM public.ecr.aws/lambda/provided:al2023
COPY --from=build /bootstrap /var/runtime/bootstrap
# The handler says which of the functions it is: `tiles` or `chunk`.
CMD ["tiles"]
