#!/usr/bin/env bash
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24
# As flanneld makes them. That of node-b is right, that of node-c out of date; the last one is somebody else's.
ip route add 10.244.2.0/24 via 192.168.10.2 dev eth0 proto boot
ip route add 10.244.3.0/24 via 192.168.10.33 dev eth0 proto boot
ip route add 10.99.0.0/16 via 192.168.10.254 dev eth0 proto static

show flan plan
show flan plan --adopt
show flan apply --adopt --yes
show ip route show
