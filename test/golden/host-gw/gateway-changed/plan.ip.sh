# lease of node-b
ip route replace 10.244.2.0/24 via 192.168.10.22 dev eth0 proto 70
