#!/usr/bin/env bash
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24

show flan plan
show flan apply --yes
show cat leases/10.244.1.0-24.json
show cat /run/flannel/subnet.env
show flan plan
