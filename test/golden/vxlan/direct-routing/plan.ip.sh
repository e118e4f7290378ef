# backend vxlan
ip link add flannel.1 type vxlan id 1 dstport 8472 dev eth0 local 192.168.10.1 nolearning
ip link set dev flannel.1 address 0a:00:00:00:00:01 mtu 1450 alias 'flan 10.244.0.0/16' up
# backend vxlan
sysctl -w net/ipv6/conf/flannel.1/accept_ra=0
# backend vxlan
ip address add 10.244.1.0/32 dev flannel.1
# lease of node-c
ip neighbour add 10.244.3.0 lladdr 0a:00:00:00:00:03 dev flannel.1 nud permanent proto 70
# lease of node-c
bridge fdb add 0a:00:00:00:00:03 dev flannel.1 dst 172.16.0.3 self permanent
# lease of node-b
ip route add 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70
# lease of node-c
ip route add 10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink proto 70
# own lease 10.244.1.0-24
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
