#!/usr/bin/env bash
# What a binary must be to run on Amazon Linux 2023 with nothing beside it: `check.sh bootstrap`. Needs readelf.
set -euo pipefail
binary=$(realpath "$1")

# Amazon Linux 2023 has glibc 2.34, and provided.al2023 little else.
newest_glibc=2.34
allowed='^(libc|libm|libdl|librt|libpthread|libresolv|ld-linux-(x86-64|aarch64))\.so\.[0-9]+$'

fail() {
    echo "$binary: $*" >&2
    exit 1
}

needed=$(readelf --dynamic --wide "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
strangers=$(grep -Ev "$allowed" <<<"$needed" || true)
[ -z "$strangers" ] || fail "needs libraries that are not glibc's:" "$strangers"

asked=$(readelf --version-info --wide "$binary" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort --version-sort --unique | tail -1)
[ -n "$asked" ] || fail "asks for no glibc at all: readelf can't read it"
newest=$(printf '%s\n' "$asked" "$newest_glibc" | sort --version-sort | tail -1)
[ "$newest" = "$newest_glibc" ] || fail "asks for glibc $asked; Amazon Linux 2023 has $newest_glibc"

# Where it can run, it runs without any environment.
machine=$(readelf --file-header "$binary" | sed -n 's/ *Machine: *//p')
ran="not run: this machine is no $machine"
case "$machine/$(uname -sm)" in
"Advanced Micro Devices X86-64/Linux x86_64" | "AArch64/Linux aarch64")
    ran=$(env -i "$binary" --version) || fail "does not start with an empty environment"
    ;;
esac
echo "$binary: glibc $asked, needs ${needed//$'\n'/ }; $ran"
