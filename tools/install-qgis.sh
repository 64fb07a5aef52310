#!/bin/sh
# Makes sure that QGIS with its Python is on this machine, for the tests that open twins in it. Installs Debian's package where
# that is allowed, and otherwise prints the exact line and stops. QGIS runs in the system's own Python.
set -eu
. "$(dirname "$0")/debian.sh"

have_qgis() { QT_QPA_PLATFORM=offscreen /usr/bin/python3 -c 'import qgis.core' >/dev/null 2>&1; }

install_debian QGIS python3-qgis have_qgis "your system's package of QGIS with Python bindings, for /usr/bin/python3"
