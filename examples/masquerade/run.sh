#!/usr/bin/env bash
# needs: nft
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24

show flan plan
show flan apply --yes
show flan plan
