#!/usr/bin/env bash
# with-setup.sh NAME COMMAND…: brings in what NAME (demo, test, bench) needs and is not there, builds, runs COMMAND.
# Says what it does on stderr, nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }

fail() {
  say "$1"
  # Whoever counts tests reads the last line.
  if [ "$name" = test ]; then echo '0 passed, 1 failed'; fi
  exit 1
}

name=$1
shift
packages=(iproute2 iputils-ping util-linux procps)
case $name in
  demo) ;;
  test) packages+=(python3-botocore strongswan-charon strongswan-swanctl libstrongswan-standard-plugins wireguard-go wireguard-tools nftables iptables etcd-server gcc libc6-dev ethtool openssl chromium systemd man-db zsh fish) ;;
  bench) packages+=(nftables iptables etcd-server gcc libc6-dev ethtool openssl iperf3) ;;
  *)
    say "there is no set-up called '$name'"
    exit 64
    ;;
esac

# One at a time: several of these may be started in one checkout.
if command -v flock >/dev/null; then
  mkdir -p .cache
  exec 9>.cache/setup.lock
  flock 9
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say 'installing the npm packages'
  npm ci --no-audit --no-fund --loglevel=error >&2 || fail 'npm ci failed'
  touch node_modules/.package-lock.json
fi

missing=()
if command -v dpkg-query >/dev/null; then
  for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done
fi
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # invoke-rc.d asks this script: a package's own daemon (etcd) is not to be started. 101 = not allowed.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
      printf '#!/bin/sh\nexit 101\n' >$policy
      chmod 755 $policy
      trap 'rm -f $policy' EXIT
    fi
    log=$(mktemp)
    if ! { apt-get -q update && apt-get -qy install --no-install-recommends "${missing[@]}"; } </dev/null >"$log" 2>&1; then
      tail -n 15 "$log" >&2
      say "could not install ${missing[*]}: going on without; what needs them is skipped or fails with its own message"
    fi
    rm -f "$log"
    if [ -n "$(trap -p EXIT)" ]; then rm -f $policy && trap - EXIT; fi
  else
    say "missing, and only root can install: ${missing[*]}; what needs them is skipped"
  fi
fi

# The tests count the build as one of theirs.
if [ "$name" != test ]; then node scripts/build.mjs --if-stale >&2 || fail 'the build failed'; fi
exec 9>&-
exec "$@"
