#!/bin/sh
# Installs what the build misses: a C and C++ compiler, cmake, pkg-config and the sqlite3 program (GDAL and PROJ are
# compiled in), and curl, with which the tests run the examples of the documents. Uses apt-get as root or through sudo;
# elsewhere it says what to install, and stops.
set -eu

missing=""
have() { command -v "$1" >/dev/null 2>&1; }
have cmake || missing="$missing cmake"
{ have cc && have c++; } || missing="$missing compiler"
have pkg-config || missing="$missing pkg-config"
have sqlite3 || missing="$missing sqlite3"
have make || missing="$missing make"
have curl || missing="$missing curl"

if ! have cargo; then
    echo "Cogwheel is written in Rust, and cargo is not here: install it from https://rustup.rs, then try again." >&2
    exit 1
fi
[ -z "$missing" ] && exit 0

packages="build-essential cmake pkg-config sqlite3 curl"
if have apt-get && [ "$(id -u)" = 0 ]; then
    run=""
elif have apt-get && have sudo && sudo -n true 2>/dev/null; then
    run="sudo"
else
    cat >&2 <<TEXT
The build needs:$missing. Install with one of

  apt:   sudo apt-get install $packages
  dnf:   sudo dnf install gcc gcc-c++ make cmake pkgconf-pkg-config sqlite curl
  brew:  brew install cmake pkgconf sqlite   (and: xcode-select --install)

and try again.
TEXT
    exit 1
fi
echo "installing$missing"
# shellcheck disable=SC2086 # words on purpose
$run apt-get update -qq && $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages >/dev/null
