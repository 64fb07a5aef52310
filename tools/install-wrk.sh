#!/bin/sh
# Makes sure that wrk is on this machine, which asks servers in `make bench` and `make soak`. Installs Debian's package where that
# is allowed, and otherwise prints the exact line and stops.
set -eu
. "$(dirname "$0")/debian.sh"

have_wrk() { command -v wrk >/dev/null 2>&1; }

install_debian wrk wrk have_wrk "your system's package of wrk"
