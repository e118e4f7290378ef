#!/usr/bin/env bash
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24

show flan plan
show flan apply --yes
show ip route show 10.244.2.0/24
echo '# Somebody takes the route away: the check command finds out.'
show ip route del 10.244.2.0/24
show flan apply --yes
echo '# The peer goes.'
show rm leases/node-b.yaml
show flan apply --yes
show flan plan
