# node-a holds no lease yet
# lease: no command does this
# lease of node-b
printf '%s\n' key-b | env NETWORK=10.244.0.0/16 OWN_PUBLIC_IP=192.168.10.1 OWN_INTERFACE=eth0 OWN_MTU=1500 SUBNET=10.244.2.0/24 PUBLIC_IP=192.168.10.2 BACKEND_DATA=key-b /bin/sh -c 'read -r key; wg set wg0 peer $key'
