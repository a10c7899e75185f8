#!/usr/bin/env bash
# Prints the path of a real Consul: $CONSUL_BIN, or the one on PATH, or else Debian's 1.8.7, fetched within seconds by the machine's own
# apt and unpacked into a cache. Installs nothing: the mirror and its key are the machine's, apt's state stays in the cache.
#   usage: tools/consul.sh [DIR]      DIR: the cache, ${MESHGATE_CACHE:-~/.cache/meshgate}/consul-debian unless said
# Exit 3: it can't be had here; the remedy is on stderr.
set -euo pipefail

give_up() { echo "no Consul: $1; put a consul binary on PATH or name it with CONSUL_BIN" >&2; exit 3; }

if [ -n "${CONSUL_BIN:-}" ]; then
    "$CONSUL_BIN" version >/dev/null 2>&1 || give_up "CONSUL_BIN=$CONSUL_BIN does not run"
    echo "$CONSUL_BIN"
    exit
fi
if command -v consul; then exit; fi

dir=${1:-${MESHGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshgate}/consul-debian}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
binary=$dir/usr/bin/consul
if [ -x "$binary" ]; then echo "$binary"; exit; fi

command -v apt-get >/dev/null && command -v dpkg >/dev/null || give_up "there is no apt on this machine"
exec 9>"$dir/lock"
flock 9 # two test runs may want it at once
if [ -x "$binary" ]; then echo "$binary"; exit; fi

apt=$dir/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts" "$dir/unpacked"
mirror=$(grep -hoE '^(URIs: *|deb( +\[[^]]*\])? +)[a-z]+://[^ ]+/debian/?( |$)' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE '[a-z]+://[^ ]+' | head -n 1) || true
options=(-qq -o APT::Sandbox::User=root -o Dir::Cache="$apt/cache")
if [ -n "$mirror" ]; then
    # Debian 11 is the last one with Consul in it.
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" >"$apt/bullseye.list"
    options+=(-o Dir::Etc::SourceList="$apt/bullseye.list" -o Dir::Etc::SourceParts="$apt/parts" -o Dir::State::Lists="$apt/lists")
    echo "consul: fetching Debian's package into $dir" >&2
    apt-get "${options[@]}" update >&2 || give_up "apt could not read the package lists of Debian 11"
else
    echo "consul: fetching this system's package into $dir" >&2 # Ubuntu has one in universe
fi
(cd "$apt" && rm -f consul_*.deb && apt-get "${options[@]}" download consul >&2) || give_up "apt could not fetch the package consul"
dpkg -x "$apt"/consul_*.deb "$dir/unpacked"
"$dir/unpacked/usr/bin/consul" version >/dev/null || give_up "the packaged Consul does not run here"
rm -rf "$apt" "${dir:?}/usr"
mv "$dir/unpacked/usr" "$dir/usr"
rm -rf "$dir/unpacked"
echo "$binary"
