# lease of node-b
ip route add 10.244.2.0/24 via 172.16.0.2 dev eth0 proto 70
