#!/bin/sh
# Makes sure that Chromium is on this machine, for the tests that open the map in it. Installs Debian's package where that is
# allowed, and otherwise prints the exact line and stops. CHROMIUM names a browser that lies elsewhere.
set -eu

have_browser() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

if have_browser; then exit 0; fi

line="apt-get install -y --no-install-recommends chromium"
stop_with_line() {
    echo "Chromium is missing and cannot be installed from here. Run this line, then make again:" >&2
    echo "    $1" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || stop_with_line "your system's package of Chromium; or set CHROMIUM to a browser's program"
sudo=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || stop_with_line "su -c '$line'"
    sudo="sudo"
fi
echo "Chromium is missing: installing the Debian package"
$sudo apt-get update -q
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium
have_browser || stop_with_line "$line"
