# Sourced by scripts that install what tests need: install_packages PACKAGE... installs Debian's where root may.
# Gives 1, and the reason in $reason, where it cannot.
install_packages() {
    [ "$(id -u)" = 0 ] || { reason="only root can install $*"; return 1; }
    command -v apt-get >/dev/null 2>&1 || { reason="there is no apt-get to install $*"; return 1; }
    install_log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    if { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$install_log" 2>&1; then
        rm -f "$install_log"
        return 0
    fi
    tail -n 5 "$install_log" >&2
    rm -f "$install_log"
    reason="apt-get could not install $*"
    return 1
}
