#!/bin/sh
# Makes sure that a PostgreSQL with PostGIS is on this machine. Installs it where that is allowed, and otherwise
# prints the exact line and stops. There is no Python wheel that carries PostGIS.
set -eu

have_postgis() {
    for share in \
        "${LDT_PG_BINDIR:+$LDT_PG_BINDIR/../share/extension}" \
        "${CONDA_PREFIX:+$CONDA_PREFIX/share/extension}" \
        /usr/share/postgresql/*/extension \
        /usr/pgsql-*/share/extension \
        /opt/homebrew/share/postgresql*/extension \
        /usr/local/share/postgresql*/extension \
        /Applications/Postgres.app/Contents/Versions/*/share/postgresql/extension
    do
        if [ -n "$share" ] && [ -f "$share/postgis.control" ]; then return 0; fi
    done
    return 1
}

stop_with_line() {
    echo "PostGIS is missing and cannot be installed from here. Run this line, then make again:" >&2
    echo "    $1" >&2
    exit 1
}

if have_postgis; then exit 0; fi

case "$(uname -s)" in
Darwin)
    command -v brew >/dev/null 2>&1 || stop_with_line "brew install postgis   (Homebrew first: see its own site)"
    echo "PostGIS is missing: brew install postgis"
    brew install postgis
    ;;
Linux)
    line="apt-get install -y --no-install-recommends postgresql-15-postgis-3"
    if command -v apt-get >/dev/null 2>&1; then
        package=postgresql-15-postgis-3
        sudo=""
        if [ "$(id -u)" -ne 0 ]; then
            command -v sudo >/dev/null 2>&1 || stop_with_line "su -c '$line'"
            sudo="sudo"
        fi
        echo "PostGIS is missing: installing the Debian package"
        $sudo apt-get update -q
        if ! apt-cache show "$package" >/dev/null 2>&1; then
            # Other releases carry another major version: take the newest that has PostGIS.
            package=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | cut -d' ' -f1 | sort -V | tail -n 1)
            [ -n "$package" ] || stop_with_line "$line"
        fi
        # The package must not create or start a cluster of its own: ldt runs a private one.
        $sudo mkdir -p /etc/postgresql-common
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
        fi
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package"
    elif command -v dnf >/dev/null 2>&1; then
        stop_with_line "sudo dnf install postgis postgresql-server"
    else
        stop_with_line "conda install -c conda-forge postgresql postgis"
    fi
    ;;
*)
    stop_with_line "conda install -c conda-forge postgresql postgis"
    ;;
esac
have_postgis || stop_with_line "apt-get install -y postgresql-15-postgis-3"
