# backend wireguard
ip address add 10.244.1.0/32 dev flannel-wg
# lease of node-b
wg set flannel-wg peer AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= endpoint 192.168.10.2:51820 allowed-ips 10.244.2.0/24 persistent-keepalive 0
# backend wireguard
ip route add 10.244.0.0/16 dev flannel-wg proto 70
# no lease asks for it any more
wg set flannel-wg peer BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ= remove
# own lease 10.244.1.0-24
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1420
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
