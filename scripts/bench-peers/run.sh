#!/bin/sh
# Cogwheel beside TiTiler and MapServer on the same tiles: `make bench-peers`, or this script after a release build.
# Installs the peers (TiTiler into a venv; wrk, MapServer and nginx with apt-get when root), makes the data, measures.
# Arguments go to bench.py: --quick for 3 seconds a measurement instead of 10, --rounds for how many of each.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache="$here/../../target/bench-peers"
python="$cache/venv/bin/python"
have() { command -v "$1" >/dev/null 2>&1; }

# As root only: what needs sudo is for the user to decide. A subshell, so that the trap runs at its end.
apt_install() (
    have apt-get && [ "$(id -u)" = 0 ] || exit 1
    echo "installing $*"
    # Debian starts a web server as soon as it is installed; this file forbids it (policy-rc.d of invoke-rc.d(8)).
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
)

if ! have wrk && ! apt_install wrk; then
    echo "Nothing can be measured without wrk: install it (apt, dnf and brew have it), then try again." >&2
    exit 1
fi
if ! { have mapserv && have nginx; } && ! apt_install cgi-mapserver nginx; then
    echo "MapServer is left out: it needs mapserv and nginx (Debian: cgi-mapserver, nginx)." >&2
fi

if [ ! -e "$cache/venv/installed" ] || [ "$here/requirements.txt" -nt "$cache/venv/installed" ]; then
    echo "installing TiTiler"
    mkdir -p "$cache"
    python3 -m venv "$cache/venv"
    "$python" -m pip install --quiet --requirement "$here/requirements.txt"
    touch "$cache/venv/installed"
fi

"$python" "$here/make_data.py" "$cache/data"
exec "$python" "$here/bench.py" "$@"
