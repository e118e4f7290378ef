# node-a holds no lease yet
# lease: no command does this
