# lease of node-b
ip route add 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70
# lease of node-b
ip -6 route add fd00:10:244:2::/64 via fd00:10::2 dev eth0 proto 70 metric 1024
# lease of node-c
ip route add 10.244.3.0/24 via 192.168.10.3 dev eth0 proto 70
# own lease 10.244.1.0-24&fd00:10:244:1::-64
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_IPV6_NETWORK=fd00:10:244::/48
FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
FLANNEL_MTU=1500
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
