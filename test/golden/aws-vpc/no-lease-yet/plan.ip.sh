# node-a holds no lease yet
# lease: no command does this
# backend aws-vpc
# cloud-forwarding: no command does this
