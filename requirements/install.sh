#!/usr/bin/env bash
# Build the Python environment from the hashed requirement files. Usage: install.sh DIRECTORY
#
# The stamp names the requirement files it was built from: an environment whose stamp agrees is left
# alone, offline too. Anything else is built anew, so that nothing stale stays behind, unless it lies
# outside this checkout: then others may be using it, and it is only added to. The stamp is written last.
set -euo pipefail

venv=$1
here=$(cd "$(dirname "$0")" && pwd)
stamp=$(cat "$here/uv.txt" "$here/dev.txt" | sha256sum | cut -d' ' -f1)

if [ "$(cat "$venv/requirements.sha256" 2> /dev/null)" = "$stamp" ] && "$venv/bin/python" -c '' 2> /dev/null; then
    exit 0
fi

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

python=$(find_python) || fail "Python 3.11 or newer is needed; none found (PYTHON=path names one)"

# Debian ships venv without ensurepip; the packages that complete it carry the minor version.
if ! "$python" -c 'import venv, ensurepip; ensurepip.version()' 2> /dev/null; then
    package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    [ "$(id -u)" = 0 ] || fail "$python cannot make environments; ask an administrator for: apt-get install $package"
    say "installing $package"
    apt-get update -q > /dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$package" > /dev/null
fi

clear=--clear
case $(realpath -m "$venv") in
    "$(dirname "$here")"/*) ;;
    *) ! "$venv/bin/python" -c '' 2> /dev/null || clear= ;;
esac
say "building $venv with $python (a minute or two the first time)"
"$python" -m venv $clear "$venv"
say "1/2 the installer"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$here/uv.txt" 2> "$venv/pip.log" \
    || { cat "$venv/pip.log" >&2; fail "the installer could not be fetched"; }

# A mirror that was set for pip holds for uv too, which does not read pip's settings.
index=${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-$("$venv/bin/python" -m pip config get global.index-url 2> /dev/null || true)}}}
[ -z "$index" ] || export UV_DEFAULT_INDEX=$index
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-180}

say "2/2 $(grep -c '^[a-z]' "$here/dev.txt") packages"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --link-mode copy --require-hashes -r "$here/dev.txt"
echo "$stamp" > "$venv/requirements.sha256"
say "done"
