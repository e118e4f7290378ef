# this node holds it
# lease: no command does this
# no lease asks for it any more
ip route del 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70
