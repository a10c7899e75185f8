#!/usr/bin/env bash
# Makes the development environment .venv from requirements/dev.lock, every file checked against its hash.
# Needs Python 3.11 or newer and nothing else.      usage: [PYTHON=python3.12] tools/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# A command may be there and not run (a version manager's stub), so each is asked.
usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14 python}; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "no Python >= 3.11 among: ${PYTHON:-python3.11 python3 python}; say where it is with PYTHON=..." >&2
    exit 1
}

bootstrap() {
    local python
    python=$(find_python)
    echo "setup: .venv with $("$python" --version)"
    rm -rf .venv
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        echo "$python cannot make environments; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
}

usable .venv/bin/python && [ -x .venv/bin/uv ] || bootstrap
# The machine's own certificate store, as pip uses it: without it uv fails behind a proxy that re-signs.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}" VIRTUAL_ENV="$PWD/.venv"
echo "setup: $(grep -c '^[a-z0-9].*==' requirements/dev.lock) packages from requirements/dev.lock"
if .venv/bin/uv pip sync --quiet --require-hashes requirements/dev.lock; then
    .venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
else
    echo "setup: uv could not, trying pip" >&2
    .venv/bin/python -m ensurepip --upgrade >/dev/null
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi
