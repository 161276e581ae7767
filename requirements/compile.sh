#!/usr/bin/env bash
# Pin, with hashes, what pyproject.toml asks for. Usage: compile.sh UV [--upgrade ...]
#
# No address is written into the files: where packages come from is the business of each machine.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$1
shift
compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@"
}

compile pyproject.toml --all-extras --group dev --output-file requirements/dev.txt "$@"
compile pyproject.toml --extra box --constraint requirements/dev.txt --output-file requirements/box.txt "$@"
compile pyproject.toml --extra server --extra postgresql --constraint requirements/dev.txt --output-file requirements/server.txt "$@"
compile pyproject.toml --extra provisioning --constraint requirements/dev.txt --output-file requirements/provisioning.txt "$@"
compile requirements/uv.in --output-file requirements/uv.txt "$@"
