#!/bin/sh
# Brings cargo-lambda from PyPI, whose emulation of Lambda the tests use, into target/emulator. Needs python3 with venv;
# as root it installs them with apt-get.
set -eu
cd "$(dirname "$0")/.."

wanted=cargo-lambda==1.9.2
venv=${CARGO_TARGET_DIR:-target}/emulator
[ "$(cat "$venv/installed" 2>/dev/null)" != "$wanted" ] || exit 0

if ! python3 -c 'import ensurepip, venv' 2>/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "The tests need python3 with venv, which bring an emulator of Lambda (Debian: apt-get install python3-venv)" >&2
    exit 1
fi
echo "installing $wanted"
python3 -m venv "$venv"
# without zig, which only its builds need
"$venv/bin/pip" install --quiet --no-deps --disable-pip-version-check "$wanted"
echo "$wanted" >"$venv/installed"
