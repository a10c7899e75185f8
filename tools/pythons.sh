#!/usr/bin/env bash
# Runs the fast tests on every further Python that this machine has, each in an environment of its own (.venv-3.12 and so on).
# The contract suite, which starts gateways as processes, runs on the first Python alone.
#   usage: [NEWEST=1] tools/pythons.sh [ARGUMENTS OF pytest]      NEWEST: the newest alone
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
mine=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

find_python() { # find_python 3.12: on PATH, or among pyenv's
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        # Asked for its version because a command may be there and be a stub, or another Python.
        if [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$1" ]; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

environment() { # environment PYTHON DIRECTORY
    [ -e "$2/stamp" ] && [ ! requirements/dev.lock -nt "$2/stamp" ] && [ ! pyproject.toml -nt "$2/stamp" ] && return
    "$uv" venv --quiet --clear --python "$1" "$2"
    "$uv" pip sync --quiet --python "$2" --require-hashes requirements/dev.lock
    "$uv" pip install --quiet --python "$2" --no-deps --no-build-isolation --editable .
    touch "$2/stamp"
}

for version in 3.14 3.13 3.12 3.11; do
    [ "$version" != "$mine" ] || continue
    if ! python=$(find_python "$version"); then
        echo "Python $version: not on this machine"
        continue
    fi
    echo "Python $version: $python"
    environment "$python" ".venv-$version"
    ".venv-$version/bin/python" -m pytest -q -n 2 --dist loadfile -m "not (integration or e2e or interop or slow_servers)" --ignore tests/contract \
        -p no:cacheprovider "$@"
    [ -z "${NEWEST:-}" ] || break
done
