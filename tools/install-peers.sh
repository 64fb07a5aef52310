#!/bin/sh
# Installs other people's servers, which the tests of live services talk to, into an environment of their own: what they need must
# not mix with what we need. The second run is over at once and needs no network.
set -eu
cd "$(dirname "$0")/.."
stamp=".peers/.installed-$(cksum peers-constraints.txt | cut -d' ' -f1)"
if [ -f "$stamp" ]; then exit 0; fi
[ -x .peers/bin/python ] || "${PYTHON:-python3}" -m venv .peers
echo "installing the servers that tests talk to: a minute the first time"
.peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r peers-constraints.txt
rm -f .peers/.installed-*
touch "$stamp"
