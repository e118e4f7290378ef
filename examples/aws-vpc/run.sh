#!/usr/bin/env bash
. "$(dirname "$(readlink -f "$0")")/../sandbox.sh"
interface eth0 192.168.10.1/24

# On an instance of EC2 none of this is needed.
node ec2.mjs &
trap 'kill $!' EXIT
export AWS_ENDPOINT_URL_EC2=http://127.0.0.1:8080 AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:8080
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE
export AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_CONFIG_FILE=/dev/null
ec2() { node ec2.mjs "$1"; }
ec2 routes >/dev/null

show flan plan
show flan apply --yes
show ec2 routes
echo '# The node that had the subnet before is gone, and a third one too, whose lease has ended.'
ec2 'set?10.244.1.0/24=eni-0dead&10.244.9.0/24=eni-0dead'
show flan apply --yes
echo '# Somebody has sent the subnet elsewhere.'
ec2 'set?10.244.1.0/24=eni-0000b'
show flan plan
show flan apply --yes --adopt
show flan destroy --yes
show ec2 routes
