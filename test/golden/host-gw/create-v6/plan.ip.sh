# lease of node-b
ip -6 route add fd00:10:244:2::/64 via fd00:10::2 dev eth0 proto 70 metric 1024
# own lease 0.0.0.0-0&fd00:10:244:1::-64
printf %s 'FLANNEL_IPV6_NETWORK=fd00:10:244::/48
FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
FLANNEL_MTU=1500
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
