# backend udp
# tunnel-device: no command does this
# lease of node-b
# tunnel-peer: no command does this
# lease of node-d
# tunnel-peer: no command does this
# no lease asks for it any more
# tunnel-peer: no command does this
