#!/bin/sh
# Cogwheel's analyses beside rasterstats and exactextract, over a hundred million cells: `make bench-zonal`, or this
# script after a release build. Installs the peers into a venv and makes the data.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache="$here/../../target/bench-zonal"
python="$cache/venv/bin/python"

if [ ! -e "$cache/venv/installed" ] || [ "$here/requirements.txt" -nt "$cache/venv/installed" ]; then
    echo "installing rasterstats and exactextract"
    mkdir -p "$cache"
    python3 -m venv "$cache/venv"
    "$python" -m pip install --quiet --requirement "$here/requirements.txt"
    touch "$cache/venv/installed"
fi

"$python" "$here/make_data.py" "$cache/data"
"$python" "$here/bench.py" "$@"
exec "$python" "$here/load.py"
