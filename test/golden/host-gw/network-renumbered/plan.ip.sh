# lease of node-b
ip route add 10.50.2.0/24 via 192.168.10.2 dev eth0 proto 70
# no lease asks for it any more
ip route del 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70
# no lease asks for it any more
ip route del 10.244.3.0/24 via 192.168.10.3 dev eth0 proto 70
# own lease 10.50.1.0-24
printf %s 'FLANNEL_NETWORK=10.50.0.0/16
FLANNEL_SUBNET=10.50.1.1/24
FLANNEL_MTU=1500
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
