#!/bin/sh
# Makes sure that QGIS with its Python is on this machine, for the tests that open twins in it. Installs Debian's package where
# that is allowed, and otherwise prints the exact line and stops. QGIS runs in the system's own Python.
set -eu

have_qgis() { QT_QPA_PLATFORM=offscreen /usr/bin/python3 -c 'import qgis.core' >/dev/null 2>&1; }

if have_qgis; then exit 0; fi

line="apt-get install -y --no-install-recommends python3-qgis"
stop_with_line() {
    echo "QGIS is missing and cannot be installed from here. Run this line, then make again:" >&2
    echo "    $1" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || stop_with_line "your system's package of QGIS with Python bindings, for /usr/bin/python3"
sudo=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || stop_with_line "su -c '$line'"
    sudo="sudo"
fi
echo "QGIS is missing: installing the Debian package"
$sudo apt-get update -q
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-qgis
have_qgis || stop_with_line "$line"
