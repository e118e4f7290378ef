# backend wireguard
ip link add flannel-wg type wireguard
ip link set dev flannel-wg mtu 1420 alias 'flan 10.244.0.0/16' up
# backend wireguard
wg set flannel-wg listen-port 51820 fwmark 0 private-key "$KEY_FILE"
# backend wireguard
ip address add 10.244.1.0/32 dev flannel-wg
# lease of node-b
wg set flannel-wg peer AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= endpoint 192.168.10.2:51820 allowed-ips 10.244.2.0/24 persistent-keepalive 25 preshared-key "$PSK_FILE"
# lease of node-c
wg set flannel-wg peer AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM= endpoint 192.168.10.3:51820 allowed-ips 10.244.3.0/24 persistent-keepalive 25 preshared-key "$PSK_FILE"
# backend wireguard
ip route add 10.244.0.0/16 dev flannel-wg proto 70
# own lease 10.244.1.0-24
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1420
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
