#!/usr/bin/env bash
# Generates the Python code beside the .proto files, in an environment of its own (requirements/protos.lock).
#   usage: tools/protos.sh            write it
#          tools/protos.sh --check    compare with what is there; also lint, and compatibility with protos/baseline.binpb
#          tools/protos.sh --baseline make today's schemas the ones that later changes must be compatible with
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv buf=.venv/bin/buf env=.venv-protos
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"

environment() {
    [ -e "$env/stamp" ] && [ ! requirements/protos.lock -nt "$env/stamp" ] && return
    # The generator has no wheels for Python 3.14 and newer.
    UV_PYTHON_DOWNLOADS=never "$uv" venv --quiet --clear --python '>=3.11,<3.14' "$env"
    "$uv" pip sync --quiet --python "$env" --require-hashes requirements/protos.lock
    touch "$env/stamp"
}

generate() { # generate DIRECTORY
    (cd protos && PATH="$PWD/../$env/bin:$PATH" python -m grpc_tools.protoc -I. --python_out="$1" --grpc_python_out="$1" \
        --mypy_out=quiet:"$1" --mypy_grpc_out=quiet:"$1" meshgate/v1/*.proto)
    # A schema without a service gets an empty module otherwise.
    for stub in "$1"/meshgate/v1/*_pb2_grpc.py; do
        grep -q 'class ' "$stub" && grep -q 'Stub' "$stub" || rm -f "$stub" "${stub}i"
    done
}

check() {
    "$buf" lint protos
    "$buf" breaking protos --against protos/baseline.binpb
    environment
    local name stale=0
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    generate "$fresh"
    for name in $( (cd "$fresh/meshgate/v1" && ls; cd "$OLDPWD/protos/meshgate/v1" && ls ./*_pb2*) | sed 's|^\./||' | sort -u); do
        diff -u "protos/meshgate/v1/$name" "$fresh/meshgate/v1/$name" || stale=1
    done
    [ "$stale" = 0 ] || { echo "generated code differs from the schemas: run 'make protos' and commit the result" >&2; exit 1; }
    echo "protos: generated code is current, and compatible with the baseline"
}

case "${1:-}" in
    "") environment; generate "$PWD/protos" ;;
    --check) check ;;
    --baseline) "$buf" build protos --output protos/baseline.binpb ;;
    *) sed -n '2,5s/^# *//p' "$0" >&2; exit 2 ;;
esac
