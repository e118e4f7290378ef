# backend ipip
ip link add flannel.ipip type ipip remote any nopmtudisc local 192.168.10.1
ip link set dev flannel.ipip mtu 1480 alias 'flan 10.244.0.0/16' up
# backend ipip
ip address add 10.244.1.0/32 dev flannel.ipip
# lease of node-b
ip route add 10.244.2.0/24 via 192.168.10.2 dev flannel.ipip onlink proto 70
# lease of node-c
ip route add 10.244.3.0/24 via 172.16.0.3 dev flannel.ipip onlink proto 70
# own lease 10.244.1.0-24
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1480
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
