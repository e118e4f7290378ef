#!/usr/bin/env bash
# The tour of the README, run for real. Prints, step by step, a line `@@ NAME` and then what people see in a terminal.
# Meant for namespaces of its own (tour.ts enters them): this one is the host called node-a, with three peers' addresses
# on a cable, fresh folders /run, /srv and /var/lib, and nothing else.
set -euo pipefail
export PATH="$1/bin:$PATH:/usr/sbin:/sbin" LC_ALL=C
unset "${!FLAN_@}" "${!FLANNELD_@}"

for folder in /run /srv /var/lib; do mount -t tmpfs tour $folder; done
hostname node-a
# As on every host of pods.
echo 1 >/proc/sys/net/ipv4/ip_forward
ip link set lo up
ip link add eth0 type veth peer name wire
ip link set wire up
ip address add 192.168.10.1/24 dev eth0
ip link set eth0 up
ip route add default via 192.168.10.254
mkdir /srv/bin
ln -s "$1/bin/flan.js" /srv/bin/flan
# The id that tells this node from others, as the machine's would.
export PATH="/srv/bin:$PATH" FLAN_NODE_ID=tour

step() { echo "@@ $1"; }
show() {
  echo "\$ $1"
  bash -c "${1//sudo /}" 2>&1 || true
}
# tells FILE WORDS: waits until a line of the file holds them
tells() {
  local tries
  for tries in {1..500}; do
    if grep -q "$2" "$1"; then return; fi
    sleep 0.02
  done
  echo "flan watch never told: $2" >&2
  cat "$1" >&2
  exit 1
}

mkdir /srv/cluster
cd /srv/cluster

step init
show 'flan init'

step peers
show "cat > leases/node-b.yaml <<END
node: node-b
subnet: 10.244.2.0/24
publicIP: 192.168.10.2
END"

step plan
show 'flan plan'

step apply
show 'sudo flan apply --yes | tail -n 1'
show 'ip route show proto 70'
show 'cat /run/flannel/subnet.env'
show 'flan plan --summary'

step ip
ip route del 10.244.2.0/24
show 'flan plan -o ip'

step watch
echo '$ sudo flan watch &'
flan watch >/srv/watch.log 2>&1 &
watcher=$!
tells /srv/watch.log 'ready:'
cat /srv/watch.log
seen=$(wc -l </srv/watch.log)
show 'sudo ip route change 10.244.2.0/24 via 192.168.10.66 proto 70'
tells /srv/watch.log 'applied.*update'
tail -n +$((seen + 1)) /srv/watch.log
seen=$(wc -l </srv/watch.log)
echo '$ rm leases/node-b.yaml'
rm leases/node-b.yaml
tells /srv/watch.log 'applied.*delete'
tail -n +$((seen + 1)) /srv/watch.log
kill "$watcher"
wait "$watcher" || true

step mistakes
show 'echo "leasez: ./leases" > typo.yaml; flan plan -c typo.yaml; echo "exit code $?"'
show 'echo "{node: node-c, subnet: 10.99.0.0/24, publicIP: 192.168.10.3}" > leases/node-c.yaml; flan validate; echo "exit code $?"'

step destroy
show 'sudo flan destroy --yes | tail -n 2'
