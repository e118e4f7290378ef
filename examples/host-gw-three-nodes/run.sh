#!/usr/bin/env bash
# needs: bridge
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
ip link add link0 type bridge
ip link set link0 up
for n in 1 2 3; do
  ip netns add node-$n
  ip link add port-$n type veth peer name eth0 netns node-$n
  ip link set port-$n master link0 up
  ip -n node-$n link set lo up
  ip -n node-$n link set eth0 up
  ip -n node-$n address add 192.168.10.$n/24 dev eth0
done

# on N COMMAND…: as node-N, whose settings but the name are in flan.yaml
on() {
  local n=$1
  shift
  echo "node-$n\$ $*"
  "$@" --netns node-$n --iface eth0 --node node-$n --node-id id-$n --subnet-file /run/flannel/node-$n.env
  echo
}

for n in 1 2 3; do on $n flan apply --yes; done
# node-1 and node-2 have not heard of those who came later.
for n in 1 2; do on $n flan apply --yes; done
show flan show leases --netns node-1 --iface eth0 --node node-1 --node-id id-1

# What the CNI bridge would have: the first address of the subnet.
for n in 1 2 3; do
  ip -n node-$n address add "$(sed -n 's/FLANNEL_SUBNET=//p' /run/flannel/node-$n.env)" dev lo
done
for n in 1 2 3; do
  for m in 1 2 3; do
    ip netns exec node-$n ping -q -c 1 -W 2 -I 10.244.$n.1 10.244.$m.1 >/dev/null && echo "10.244.$n.1 reaches 10.244.$m.1"
  done
done
