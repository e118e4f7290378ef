# lease of node-b
ip route add 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70
