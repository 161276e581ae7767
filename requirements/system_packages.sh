#!/usr/bin/env bash
# Install the system packages that are missing, and only as root. Usage: system_packages.sh tests|bench
#
# Never fails the run: whatever needs a program that is missing is skipped and names it.
set -euo pipefail

missing=()
needs() { missing+=("$1"); }

for_tests() {
    command -v chromium > /dev/null || needs chromium                            # the console in a real browser
    command -v fc-list > /dev/null || needs fontconfig
    [ -n "$(fc-list :lang=zh 2> /dev/null)" ] || needs fonts-wqy-microhei        # Chinese text in screenshots
    command -v ip > /dev/null || [ -x /usr/sbin/ip ] || needs iproute2           # network namespaces of the gateway
    command -v nft > /dev/null || [ -x /usr/sbin/nft ] || needs nftables         # the box's packet filter
    command -v node > /dev/null || needs nodejs                                  # MicroPython's WebAssembly build
    command -v npm > /dev/null || needs npm
}

for_bench() {
    command -v nginx > /dev/null || [ -x /usr/sbin/nginx ] || needs nginx        # the fastest answer that HTTP allows
    command -v wrk > /dev/null || needs wrk                                      # asks every server alike
}

# A server that is installed as a peer must not start by itself, here least of all.
keep_servers_down() {
    [ -e /usr/sbin/policy-rc.d ] && return
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
}

"for_$1"
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "not root, so what needs these is skipped: ${missing[*]}" >&2
    exit 0
fi

echo "installing system packages: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
keep_servers_down
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } > /dev/null; then
    echo "not installed, so what needs these is skipped: ${missing[*]}" >&2
fi
