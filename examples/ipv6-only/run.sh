#!/usr/bin/env bash
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 fd00:192:168:10::1/64

show flan plan
show flan apply --yes
show ip -6 route show proto 70
show cat /run/flannel/subnet.env
