#!/usr/bin/env bash
# Writes requirements/*.lock, and those of the Python clients and of the recipes in tests/interop: every version with the
# hashes of its files. A recipe's holds what the SDK needs as well.
#   usage: tools/lock.sh [ARGUMENTS OF uv pip compile]     e.g. --upgrade, --upgrade-package grpcio
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
[ -x "$uv" ] || uv=$(command -v uv) || { echo "no uv: run 'make .venv' first" >&2; exit 1; }

compile() {
    # No --emit-*: a lock names versions and hashes, never where they are fetched from.
    "$uv" pip compile --quiet --universal --python-version "${of:-3.11}" --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
}

compile --extra all --extra dev pyproject.toml --output-file requirements/dev.lock "$@"
for name in uv bench fuzz protos; do
    compile "requirements/$name.in" --output-file "requirements/$name.lock" "$@"
done
for input in tests/interop/*/requirements.in; do
    # The kits want a newer Python than we do.
    case $input in */kits/*) of=3.12 ;; *) of= ;; esac
    compile "$input" --output-file "${input%.in}.lock" "$@"
done
of=
for input in tests/interop/recipes/*.in; do
    compile pyproject.toml "$input" --output-file "${input%.in}.lock" "$@"
done
