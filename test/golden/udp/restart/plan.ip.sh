# backend udp
# tunnel-device: no command does this
# lease of node-b
# tunnel-peer: no command does this
