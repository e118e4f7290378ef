#!/usr/bin/env bash
# needs: vxlan
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24

show flan plan
show flan apply --yes
show ip route show proto 70
show flan plan
