# Read by the installers beside it.

# install_debian NAME PACKAGE CHECK ELSEWHERE
# Installs Debian's PACKAGE where that is allowed and the function CHECK says that NAME is missing; otherwise prints the exact
# line, or ELSEWHERE where there is no apt-get, and stops.
install_debian() {
    if "$3"; then return 0; fi
    line="apt-get install -y --no-install-recommends $2"
    command -v apt-get >/dev/null 2>&1 || stop_with_line "$1" "$4"
    sudo=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || stop_with_line "$1" "su -c '$line'"
        sudo="sudo"
    fi
    echo "$1 is missing: installing the Debian package"
    $sudo apt-get update -q
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2"
    "$3" || stop_with_line "$1" "$line"
}

stop_with_line() {
    echo "$1 is missing and cannot be installed from here. Run this line, then make again:" >&2
    echo "    $2" >&2
    exit 1
}
