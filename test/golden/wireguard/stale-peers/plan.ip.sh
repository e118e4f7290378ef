# node-a holds no lease yet
# lease: no command does this
# backend wireguard
wg set flannel-wg listen-port 4500 fwmark 0 private-key "$KEY_FILE"
# lease of node-b
wg set flannel-wg peer AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= endpoint 192.168.10.3:4500 allowed-ips 10.244.3.0/24 persistent-keepalive 0
# no lease asks for it any more
wg set flannel-wg peer BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ= remove
