#!/bin/sh
# Starts the built server on a free port and runs the browser test of the page against it.
set -eu
cd "$(dirname "$0")/../.."
log=$(mktemp)
"${CARGO_TARGET_DIR:-target}/release/cogwheel" serve --port 0 >"$log" 2>/dev/null &
server=$!
trap 'kill "$server" 2>/dev/null; rm -f "$log"' EXIT
for _ in $(seq 50); do
    address=$(sed -n 's/.* at \(http:.*\)/\1/p' "$log")
    [ -n "$address" ] && break
    sleep 0.1
done
[ -n "$address" ] || { echo "the server did not start" >&2; exit 1; }
node tests/web/page_test.mjs "$address" "$@"
