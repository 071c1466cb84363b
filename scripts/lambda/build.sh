#!/usr/bin/env bash
# The zip of the AWS Lambda functions: `make lambda`, or this script. No Docker: cargo-lambda and zig, from PyPI.
#
#     scripts/lambda/build.sh            # dist/cogwheel-lambda-x86_64.zip and -arm64.zip
#     scripts/lambda/build.sh arm64      # that one
#     INCLUDE="cogwheel.toml data" scripts/lambda/build.sh    # with files of this folder beside the binary
#
# An architecture whose Rust target is not installed is left out; rustup installs it when it was asked for. The first
# build of each compiles GDAL, some 20 minutes on two cores. check.sh says what the binary is checked for.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The Rust target of an architecture as Lambda calls it.
rust_target() {
    case $1 in
    x86_64) echo x86_64-unknown-linux-gnu ;;
    arm64) echo aarch64-unknown-linux-gnu ;;
    *) echo "Lambda has no architecture \"$1\": x86_64 or arm64" >&2 && exit 2 ;;
    esac
}

sh scripts/setup.sh
asked=$#
[ "$asked" -gt 0 ] || set -- x86_64 arm64
build=()
for architecture; do
    triple=$(rust_target "$architecture")
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; then
        build+=("$architecture")
    elif [ "$asked" -gt 0 ]; then
        rustup target add "$triple"
        build+=("$architecture")
    else
        echo "$architecture is left out: its Rust target is not installed (rustup target add $triple)" >&2
    fi
done

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "make lambda needs python3 with venv, which bring cargo-lambda and zig (Debian: apt-get install python3-venv)" >&2
    exit 1
fi
target=${CARGO_TARGET_DIR:-target}
tools=$target/lambda-tools
if [ ! -e "$tools/installed" ] || [ scripts/lambda/requirements.txt -nt "$tools/installed" ]; then
    echo "installing cargo-lambda and zig"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement scripts/lambda/requirements.txt
    touch "$tools/installed"
fi
PATH=$(cd "$tools/bin" && pwd):$PATH

for architecture in "${build[@]}"; do
    echo "building for $architecture"
    binaries=$target/lambda-bootstrap/$architecture
    cargo lambda build --quiet --profile lambda --bin cogwheel --locked \
        --target "$(rust_target "$architecture")" --lambda-dir "$binaries"
    bash scripts/lambda/check.sh "$binaries/cogwheel/bootstrap"
    # shellcheck disable=SC2086 # words on purpose
    python scripts/lambda/pack.py "dist/cogwheel-lambda-$architecture.zip" "$binaries/cogwheel/bootstrap" ${INCLUDE:-}
done
