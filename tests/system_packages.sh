#!/usr/bin/env bash
# Install the system packages that tests use, those that are missing only, and only as root.
#
# Never fails the run: a test whose program is missing is skipped and names it.
set -euo pipefail

missing=()
needs() { missing+=("$1"); }

command -v chromium > /dev/null || needs chromium                            # the console in a real browser
command -v fc-list > /dev/null || needs fontconfig
[ -n "$(fc-list :lang=zh 2> /dev/null)" ] || needs fonts-wqy-microhei        # Chinese text in screenshots
command -v ip > /dev/null || [ -x /usr/sbin/ip ] || needs iproute2           # network namespaces of the gateway
command -v nft > /dev/null || [ -x /usr/sbin/nft ] || needs nftables         # the box's packet filter
command -v node > /dev/null || needs nodejs                                  # MicroPython's WebAssembly build
command -v npm > /dev/null || needs npm

[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "not root, so tests that need these are skipped: ${missing[*]}" >&2
    exit 0
fi

echo "installing system packages: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } > /dev/null; then
    echo "not installed, so tests that need these are skipped: ${missing[*]}" >&2
fi
