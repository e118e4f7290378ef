# node-a holds no lease yet
# lease: no command does this
# backend ipip
ip link add flannel.ipip type ipip remote any nopmtudisc local 192.168.10.1
ip link set dev flannel.ipip mtu 1480 alias 'flan 10.244.0.0/16' up
# lease of node-b
ip route add 10.244.2.0/24 via 192.168.10.2 dev flannel.ipip onlink proto 70
