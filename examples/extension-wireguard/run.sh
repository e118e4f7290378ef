#!/usr/bin/env bash
# needs: wg
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24
# Of wireguard-go, which ends with its device.
trap 'ip link del flan-wg 2>/dev/null || true' EXIT

# Its output, without what no two runs have in common.
show flan apply --yes | sed -E 's#[A-Za-z0-9+/]{43}=#KEY#; s/sha256 [0-9a-f]+/sha256 …/'
show wg show flan-wg endpoints
show ip route show dev flan-wg
show flan destroy --yes
