# backend udp
ip address add 10.244.1.0/32 dev flannel0
# backend udp
ip route add 10.244.0.0/16 dev flannel0 proto 70
# own lease 10.244.1.0-24
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1472
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
