# backend ipip
ip link del flannel.ipip
ip link add flannel.ipip type ipip remote any nopmtudisc local 192.168.10.1
ip link set dev flannel.ipip mtu 1480 alias 'flan 10.244.0.0/16' up
# link/flannel.ipip is replaced
ip address add 10.244.1.0/32 dev flannel.ipip
# link/flannel.ipip is replaced
ip route add 10.244.2.0/24 via 192.168.10.2 dev flannel.ipip onlink proto 70
# link/flannel.ipip is replaced
ip route add 10.244.3.0/24 via 172.16.0.3 dev flannel.ipip onlink proto 70
