# traffic of the own subnet
ip route add blackhole 10.244.1.0/24 proto 70 metric 4294967295
