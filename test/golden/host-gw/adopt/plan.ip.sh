# lease of node-b
ip route replace 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70
# lease of node-c
ip route replace 10.244.3.0/24 via 192.168.10.3 dev eth0 proto 70
