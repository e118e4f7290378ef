# backend ipip
ip link set dev flannel.ipip mtu 1480 alias 'flan 10.244.0.0/16' up
ip link set dev flannel.ipip type ipip local 192.168.10.1
# backend ipip
ip address add 10.244.1.0/32 dev flannel.ipip
# no lease asks for it any more
ip address del 10.244.9.0/32 dev flannel.ipip
