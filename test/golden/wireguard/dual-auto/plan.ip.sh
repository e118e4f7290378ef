# backend wireguard
ip link add flannel-wg type wireguard
ip link set dev flannel-wg mtu 1420 alias 'flan 10.244.0.0/16 fd00:10:244::/48' up
# backend wireguard
wg set flannel-wg listen-port 51820 fwmark 0 private-key "$KEY_FILE"
# backend wireguard
ip address add 10.244.1.0/32 dev flannel-wg
# backend wireguard
ip -6 address add fd00:10:244:1::/128 dev flannel-wg
# lease of node-b
wg set flannel-wg peer AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= endpoint 192.168.10.2:51820 allowed-ips 10.244.2.0/24,fd00:10:244:2::/64 persistent-keepalive 0
# backend wireguard
ip route add 10.244.0.0/16 dev flannel-wg proto 70
# backend wireguard
ip -6 route add fd00:10:244::/48 dev flannel-wg proto 70 metric 1024
# own lease 10.244.1.0-24&fd00:10:244:1::-64
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_IPV6_NETWORK=fd00:10:244::/48
FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
FLANNEL_MTU=1420
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
