#!/usr/bin/env bash
# Builds the servers that `make test-servers` wants with Go, each once for each go.sum, into a cache; some seven minutes of CPU each.
# Prints the shell lines that name them (export CONSUL_BIN=... JAEGER_BIN=...); everything else goes to stderr.
#   usage: tools/servers.sh [consul] [jaeger]
# Both are used by tests alone: nothing of them is part of the product.      Exit 3: no Go; the remedy is on stderr.
set -euo pipefail
cd "$(dirname "$0")/go"
cache=${MESHGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshgate}/servers
mkdir -p "$cache"

declare -A package=([consul]=github.com/hashicorp/consul [jaeger]=github.com/jaegertracing/jaeger/cmd/jaeger)

key() { cat "$1/go.mod" "$1/go.sum" | sha256sum | cut -c 1-12; }

build() { # build NAME BINARY
    command -v go >/dev/null || { echo "no Go here to build $1 with: install Go $(awk '/^go /{print $2}' "$1/go.mod") or newer" >&2; exit 3; }
    local start=$SECONDS
    echo "servers: building $1 (once; about seven minutes of CPU, nothing is printed meanwhile)" >&2
    (cd "$1" && go build -mod=readonly -ldflags "-s -w" -o "$2.new" "${package[$1]}" >&2)
    mv "$2.new" "$2"
    echo "servers: $1 built in $((SECONDS - start)) s" >&2
}

[ $# -gt 0 ] || set -- consul jaeger
for name; do
    [ -n "${package[$name]:-}" ] || { echo "unknown server: $name (there are: ${!package[*]})" >&2; exit 2; }
    binary=$cache/$name-$(key "$name")
    (
        flock 9 # two runs may want it at once
        [ -x "$binary" ] || build "$name" "$binary"
    ) 9>"$cache/$name.lock"
    echo "export ${name^^}_BIN='$binary'"
done
