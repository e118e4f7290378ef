# lease of node-c
ip route add 10.244.3.0/24 via 192.168.10.3 dev eth0 proto 70
