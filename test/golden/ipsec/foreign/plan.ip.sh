# backend ipsec
# ipsec-secret: no command does this
# lease of node-b
# ipsec-secret: no command does this
# own lease 10.244.1.0-24
printf %s 'FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1423
FLANNEL_IPMASQ=false
' >/run/flannel/subnet.env
