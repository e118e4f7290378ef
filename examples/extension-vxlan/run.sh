#!/usr/bin/env bash
# needs: vxlan
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24

show flan apply --yes
show ip route show dev flan-vxlan
show ip neighbour show dev flan-vxlan nud permanent
show flan plan
echo '# Somebody deletes the device: everything that stood on it is made again.'
show ip link del flan-vxlan
show flan apply --yes
show ip route show dev flan-vxlan
show flan destroy --yes
