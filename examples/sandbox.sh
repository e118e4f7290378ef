# For run.sh of an example: starts it again in a network, a /run and a copy of its folder of its own, where it can do no
# harm and leaves nothing. Needs no privilege where the kernel lets users make namespaces. `. ../sandbox.sh`
set -euo pipefail

if [ -z "${FLAN_EXAMPLE:-}" ]; then
  export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
  here=$(dirname "$(readlink -f "$0")")
  export FLAN_EXAMPLE=$here
  # As root where that may make namespaces, else as root of a user namespace.
  for as in -nm -Urnm; do
    unshare $as mount -t tmpfs example /run 2>/dev/null && exec unshare $as bash "$here/run.sh"
  done
  echo 'the kernel refuses user namespaces here: run it as root' >&2
  exit 77
fi

mount -t tmpfs example /run
# As every host of pods does.
for file in ipv4/ip_forward ipv6/conf/all/forwarding; do
  if [ -w "/proc/sys/net/$file" ]; then echo 1 >"/proc/sys/net/$file"; fi
done
cp -r "$FLAN_EXAMPLE" /run/example
cd /run/example
# Neither settings nor colours of whoever runs it.
unset "${!FLAN_@}" "${!FLANNELD_@}" FORCE_COLOR
export FLAN_STATE_DIR=/run/flan/kept
export NO_COLOR=1
checkout=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")

# The flan of this checkout, or else the one that is installed.
flan() {
  if [ -e "$checkout/bin/flan.js" ]; then node "$checkout/bin/flan.js" "$@"; else command flan "$@"; fi
}

# interface NAME ADDRESS…: one that is up, whose other end leads nowhere; default routes go through it
interface() {
  local name=$1 address
  shift
  ip link set lo up
  ip link add "$name" type veth peer name "$name-far"
  ip link set "$name-far" up
  ip link set "$name" up
  for address in "$@"; do
    case $address in
      *:*) ip address add "$address" dev "$name" nodad && ip -6 route add default dev "$name" ;;
      *) ip address add "$address" dev "$name" && ip route add default dev "$name" ;;
    esac
  done
}

# show COMMAND…: as one would type it, and what comes of it
show() {
  echo "\$ $*"
  "$@"
  echo
}
