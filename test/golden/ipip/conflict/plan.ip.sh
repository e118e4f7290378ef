# backend ipip
ip address add 10.244.1.0/32 dev flannel.ipip
