#!/bin/bash
# boot-machine.sh FOLDER CGROUPS NODE: becomes the systemd of a copy of this host, whose changes are gone with it. Runs in
# mount, process, network, host name, IPC and cgroup namespaces of its own. CGROUPS: where cgroup2 is to be seen.
set -euo pipefail
folder=$1 node=$3

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$folder"
mkdir "$folder"/{upper,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
cd "$folder/root"

# Of the kernel's knobs only those of the own network namespace.
mount -t proc proc proc
mount --bind proc/sys/net "$folder/work"
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind "$folder/work" proc/sys/net
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in run tmp dev; do mount -t tmpfs -o mode=1777 tmpfs $place; done
mkdir -p dev/net dev/pts dev/shm
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 net/tun:10:200; do
  IFS=: read -r name major minor <<<"$device"
  mknod -m 666 "dev/$name" c "$major" "$minor"
done
for name in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${name#*:}" "dev/${name%:*}"; done
ln -s /proc/self/fd dev/fd

# As if flan had never been here.
rm -rf etc/flan etc/default/flan var/lib/flan var/cache/flan

# Nothing of this host is started, and nothing that is about hardware or the whole kernel.
rm -rf etc/systemd/system etc/systemd/network
mkdir -p etc/systemd/system
for unit in apparmor dbus nftables systemd-{binfmt,firstboot,hwdb-update,machine-id-commit,modules-load,network-generator} \
  systemd-{networkd-wait-online,pcrphase-sysinit,random-seed,remount-fs,sysctl,sysusers,tmpfiles-setup-dev,udev-trigger} \
  systemd-{udevd,update-utmp,timesyncd}; do
  ln -s /dev/null "etc/systemd/system/$unit.service"
done
for unit in dev-hugepages dev-mqueue sys-fs-fuse-connections sys-kernel-config sys-kernel-debug sys-kernel-tracing tmp; do
  ln -s /dev/null "etc/systemd/system/$unit.mount"
done
ln -s /dev/null etc/systemd/system/proc-sys-fs-binfmt_misc.automount
ln -s /dev/null etc/systemd/system/dbus.socket
ln -s /dev/null etc/systemd/system/systemd-journald-audit.socket
ln -s /dev/null etc/systemd/system/systemd-tmpfiles-clean.timer
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\n' >etc/systemd/system/machine.target
# A host of services may start them, whatever this one says.
rm -f usr/sbin/policy-rc.d
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
: >etc/fstab
# A node in somebody's home could not be seen by a service.
if [[ $node != /usr/* ]]; then cp "$node" usr/local/bin/node; fi

echo node-a >etc/hostname
ip link set lo up
ip link add eth0 type veth peer name wire
ip address add 192.168.10.1/24 dev eth0
ip link set eth0 up
ip link set wire up
ip route add default via 192.168.10.254

exec env -i container=machine PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  chroot . /lib/systemd/systemd --system --unit=machine.target --log-target=null
