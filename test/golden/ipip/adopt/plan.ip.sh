# backend ipip
ip link set dev flannel.ipip mtu 1480 alias 'flan 10.244.0.0/16' up
ip link set dev flannel.ipip type ipip local 192.168.10.1
# backend ipip
ip address add 10.244.1.0/32 dev flannel.ipip
# lease of node-b
ip route replace 10.244.2.0/24 via 192.168.10.2 dev flannel.ipip onlink proto 70
# lease of node-c
ip route replace 10.244.3.0/24 via 172.16.0.3 dev flannel.ipip onlink proto 70
