#!/usr/bin/env bash
# needs: charon
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24
# It outlives flan, so that packets flow while flan restarts.
trap 'kill "$(cat /run/charon.pid 2>/dev/null)" 2>/dev/null || true' EXIT

show flan plan
show flan apply --yes | tail -n 2
show swanctl --list-conns 2>/dev/null
# Without numbers that charon gives out as it likes.
show ip xfrm policy list src 10.244.1.0/24 | grep -v 'reqid\|priority' | sed 's/ *$//'
show flan plan
show flan destroy --yes | tail -n 2
