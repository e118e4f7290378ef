# backend udp
# tunnel-device: no command does this
# backend udp
ip link set dev flannel0 mtu 1452 alias 'flan 10.244.0.0/16 fd00:10:244::/48' up
# backend udp
ip address add 10.244.1.0/32 dev flannel0
# backend udp
ip -6 address add fd00:10:244:1::/128 dev flannel0
# lease of node-b
# tunnel-peer: no command does this
# lease of node-b
# tunnel-peer: no command does this
# backend udp
ip route add 10.244.0.0/16 dev flannel0 proto 70
# backend udp
ip -6 route add fd00:10:244::/48 dev flannel0 proto 70 metric 1024
# own lease 10.244.1.0-24&fd00:10:244:1::-64
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_IPV6_NETWORK=fd00:10:244::/48
FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
FLANNEL_MTU=1452
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
