#!/bin/sh
# Makes sure that GDAL's programs are on this machine (ogr2ogr), for the tests that read twins with them. Installs Debian's package
# where that is allowed, and otherwise prints the exact line and stops.
set -eu
. "$(dirname "$0")/debian.sh"

have_gdal() { command -v ogr2ogr >/dev/null 2>&1; }

install_debian "GDAL's programs" gdal-bin have_gdal "your system's package of GDAL's programs"
