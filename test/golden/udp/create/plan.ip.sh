# backend udp
# tunnel-device: no command does this
# backend udp
ip link set dev flannel0 mtu 1472 alias 'flan 10.244.0.0/16' up
# backend udp
ip address add 10.244.1.0/32 dev flannel0
# lease of node-b
# tunnel-peer: no command does this
# lease of node-c
# tunnel-peer: no command does this
# backend udp
ip route add 10.244.0.0/16 dev flannel0 proto 70
# own lease 10.244.1.0-24
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1472
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
