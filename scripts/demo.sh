#!/usr/bin/env bash
# Three nodes in network namespaces: plan, apply, ping, break a route, watch it heal. `npm run demo` calls this.
# Works in network and mount namespaces of its own, with /run on a tmpfs, where all that it makes lives: it all goes with
# its last process, however that ends, and any number of demos may run at once.
set -euo pipefail

if [ "${1:-}" != inside ]; then
  export PATH="$PATH:/usr/sbin:/sbin"
  for tool in unshare setpriv mount ip ping node; do
    command -v "$tool" >/dev/null && continue
    echo "demo: '$tool' is not installed (Debian packages util-linux, mount, iproute2, iputils-ping, nodejs)" >&2
    exit 1
  done
  # Root as it is where that may make namespaces; else root of a user namespace, which needs no privilege.
  for as in -nm -Urnm; do
    unshare $as mount -t tmpfs demo /run 2>/dev/null && exec unshare $as bash "$(readlink -f "$0")" inside
  done
  echo 'demo: the kernel refuses user namespaces here: run it as root' >&2
  exit 77
fi

mount -t tmpfs demo /run
# Neither the caller's settings nor the caller's language.
unset "${!FLAN_@}" "${!FLANNELD_@}"
export FLAN_STATE_DIR=/run/flan/kept
export LC_ALL=C
root=$(dirname "$(dirname "$(readlink -f "$0")")")
lab=/run/demo
nodes=([1]=a [2]=b [3]=c)
watcher=
bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; fi

title() { printf '\n%s== %s ==%s\n' "$bold" "$*" "$plain"; }
says() { sed 's/./  &/'; }
typed() { printf '%snode-%s$%s %s\n' "$dim" "$1" "$plain" "$2"; }

fail() {
  echo "demo: $*" >&2
  exit 1
}

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  if [ -n "$watcher" ]; then kill "$watcher" 2>/dev/null || true; fi
  if [ $status != 0 ]; then echo "demo: ended with $status; nothing of it is left" >&2; fi
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# on NODE COMMAND…: as somebody who sits at that node
on() {
  local node=$1
  shift
  ip netns exec "node-$node" "$@"
}

# flan NODE ARGUMENTS…: every node has a folder with its settings, as /etc/flan would be
flan() {
  typed "$1" "flan ${*:2}"
  (cd "$lab/node-$1" && exec "$root/bin/flan.js" "${@:2}") 2>&1 | says
}

make_node() {
  local node=$1 number=$2
  ip netns add "node-$node"
  # As on every host of pods.
  ip netns exec "node-$node" sh -c 'if [ -w /proc/sys/net/ipv4/ip_forward ]; then echo 1 >/proc/sys/net/ipv4/ip_forward; fi'
  ip link add "port-$node" type veth peer name eth0 netns "node-$node"
  ip link set "port-$node" master switch up
  ip -n "node-$node" -batch - <<-END
	link set lo up
	address add 192.168.10.$number/24 dev eth0
	link set eth0 up
	address add 10.244.$number.1/32 dev lo
	END
  mkdir -p "$lab/node-$node"
  # The node id is the machine's unless set, and these three share a machine.
  cat >"$lab/node-$node/flan.yaml" <<-END
	node: node-$node
	nodeId: demo-$node
	netns: node-$node
	leases: $lab/leases
	subnetFile: $lab/node-$node/subnet.env
	runtimeDir: $lab/state
	iface: eth0
	iptablesForwardRules: false
	END
  cat >"$lab/leases/node-$node.yaml" <<-END
	node: node-$node
	nodeId: demo-$node
	subnet: 10.244.$number.0/24
	publicIP: 192.168.10.$number
	END
}

# ping FROM TO: one packet from the one's subnet to the other's, and what came of it
ping_one() {
  local from=$1 to=$2 answer
  answer=$(on "${nodes[from]}" ping -n -c 1 -W 2 -I "10.244.$from.1" "10.244.$to.1" 2>&1) || true
  answer=$(grep -oE 'time=.*|[Uu]nreachable' <<<"$answer" | head -n 1)
  echo "node-${nodes[from]} 10.244.$from.1 -> node-${nodes[to]} 10.244.$to.1  ${answer:-no answer}"
}

# ping_all: from every subnet to every other
ping_all() {
  local from to
  for from in 1 2 3; do
    for to in 1 2 3; do
      if [ $from != $to ]; then ping_one $from $to; fi
    done
  done
}

# follow WORDS: prints what `flan watch` tells until a line holds the words
follow() {
  local line
  while IFS= read -r -t 10 line <&"$events"; do
    said=$line
    echo "$line" | says
    if [[ $line == *$1* ]]; then return; fi
  done
  fail "flan watch did not say '$1' within 10 seconds"
}

title 'Three nodes on one switch, a lease for each'
mkdir -p "$lab/leases"
echo '{"Network": "10.244.0.0/16", "Backend": {"Type": "host-gw"}}' >"$lab/leases/network.json"
ip link add switch type bridge
ip link set switch up
for number in 1 2 3; do make_node "${nodes[number]}" $number; done
flan a show leases
typed a 'ping 10.244.2.1'
if on a ping -n -c 1 -W 2 10.244.2.1 2>&1 | says; then fail 'node-b answers before anything was applied'; fi

title 'What apply would change'
flan a plan

title 'Apply on every node'
for node in "${nodes[@]}"; do
  flan "$node" apply --yes >"$lab/node-$node/applied" || fail "$(cat "$lab/node-$node/applied")"
  sed -n '1p;$p' "$lab/node-$node/applied"
done
echo
ping_all | tee "$lab/pings" | says
answers=$(grep -c time= "$lab/pings" || true)
[ "$answers" = 6 ] || fail "$answers of 6 pings were answered"

title 'Somebody deletes a route'
typed a 'flan watch'
# Told to stop when this shell dies, even by kill -9.
exec {events}< <(cd "$lab/node-a" && exec setpriv --pdeathsig TERM "$root/bin/flan.js" watch 2>&1)
watcher=$!
follow 'ready:'
typed a 'ip route del 10.244.2.0/24'
on a ip route del 10.244.2.0/24
follow 'healed route/main/10.244.2.0/24'
healed=${said##* in }
kill -TERM "$watcher"
says <&"$events"
watcher=
typed a 'ip route show 10.244.2.0/24'
on a ip route show 10.244.2.0/24 | says
ping_one 1 2 | tee "$lab/ping" | says
grep -q time= "$lab/ping" || fail 'the ping after the repair was not answered'

title 'Gone again'
for node in "${nodes[@]}"; do
  flan "$node" destroy --yes >"$lab/node-$node/destroyed" || fail "$(cat "$lab/node-$node/destroyed")"
  sed -n '1p;$p' "$lab/node-$node/destroyed"
  [ -z "$(on "$node" ip route show proto 70)" ] || fail "routes are left on node-$node"
done

printf '\n%sAll well:%s 6 of 6 pings answered, the deleted route was back %s after flan heard of it, nothing is left behind.\n' \
  "$bold" "$plain" "$healed"
