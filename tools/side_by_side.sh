#!/usr/bin/env bash
# Runs commands side by side. What the first says is shown as it comes, what the others say when they have ended.
# Ends with 1 if any of them failed; ended itself, it ends them.
#   usage: tools/side_by_side.sh COMMAND...
set -uo pipefail
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
trap 'kill "${pids[@]}" 2>/dev/null; exit 143' INT TERM

pids=()
for command; do
    number=${#pids[@]}
    if [ "$number" = 0 ]; then
        printf '%s\n' "$command"
        bash -c "exec $command" &
    else
        printf 'side by side with it: %s\n' "$command"
        bash -c "exec $command" >"$said/$number" 2>&1 &
    fi
    pids+=("$!")
done
failed=0
for number in "${!pids[@]}"; do
    wait "${pids[number]}" || failed=1
    [ "$number" = 0 ] || { printf '%s\n' "${@:number+1:1}"; cat "$said/$number"; }
done
exit "$failed"
