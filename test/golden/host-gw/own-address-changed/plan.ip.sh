# this node holds it
# lease: no command does this
