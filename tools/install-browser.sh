#!/bin/sh
# Makes sure that Chromium is on this machine, for the tests that open the map in it. Installs Debian's package where that is
# allowed, and otherwise prints the exact line and stops. CHROMIUM names a browser that lies elsewhere.
set -eu
. "$(dirname "$0")/debian.sh"

have_browser() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

install_debian Chromium chromium have_browser "your system's package of Chromium; or set CHROMIUM to a browser's program"
