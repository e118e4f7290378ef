#!/usr/bin/env bash
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
unset FLAN_STATE_DIR
# As systemd does with EnvironmentFile=.
set -a && . ./flanneld.env && set +a
export FLAN_AS=flanneld

show cat flanneld.env
# The flags are those of the unit's ExecStart, in Go's notation. What nobody sets is left out.
echo '$ flan config show --origin -ip-masq=true -v 1 -etcd-keyfile= | grep -v " default$"'
flan config show --origin -ip-masq=true -v 1 -etcd-keyfile= 2>&1 | grep -vE ' default(:.*)?$'
