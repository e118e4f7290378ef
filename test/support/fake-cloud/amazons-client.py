# Amazon's own client against a fake EC2, and its form of requests: one JSON document on standard output.
# Environment: ENDPOINT, KEY, SECRET, SESSION. Needs botocore (Debian: python3-botocore).
import json
import os

import botocore.session
from botocore import serialize
from botocore.exceptions import ClientError

session = botocore.session.get_session()
client = session.create_client(
    "ec2",
    region_name="eu-central-1",
    endpoint_url=os.environ["ENDPOINT"],
    aws_access_key_id=os.environ["KEY"],
    aws_secret_access_key=os.environ["SECRET"],
    aws_session_token=os.environ["SESSION"],
)
route = {"RouteTableId": "rtb-1", "DestinationCidrBlock": "10.244.1.0/24"}
to = {**route, "NetworkInterfaceId": "eni-0aaa"}
off = {"NetworkInterfaceId": "eni-0aaa", "SourceDestCheck": {"Value": False}}
of_vpc = {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}], "MaxResults": 100}


def answer(act, **arguments):
    try:
        act(**arguments)
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]


def form(operation, **arguments):
    model = session.get_service_model("ec2").operation_model(operation)
    body = serialize.create_serializer("ec2").serialize_to_request(arguments, model)["body"]
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in body.items()}


[instance] = client.describe_instances(InstanceIds=["i-0aaa"])["Reservations"][0]["Instances"]
[table] = client.describe_route_tables(RouteTableIds=["rtb-1"])["RouteTables"]
pages = client.get_paginator("describe_route_tables").paginate(Filters=of_vpc["Filters"], PaginationConfig={"PageSize": 5})
print(
    json.dumps(
        {
            "interface": instance["NetworkInterfaces"][0],
            "table": table,
            "tables": [one["RouteTableId"] for page in pages for one in page["RouteTables"]],
            "answers": [
                answer(client.replace_route, **to),
                answer(client.create_route, **to),
                answer(client.create_route, **to),
                answer(client.create_route, DryRun=True, **to),
                answer(client.replace_route, **to),
                answer(client.delete_route, **route),
                answer(client.delete_route, **route),
                answer(client.modify_network_interface_attribute, **off),
            ],
            "forms": [
                form("DescribeInstances", InstanceIds=["i-0aaa"]),
                form("DescribeRouteTables", **of_vpc),
                form("CreateRoute", **to),
                form("DescribeRouteTables", RouteTableIds=["rtb-1", "rtb-main"]),
                form("ReplaceRoute", **to),
                form("ModifyNetworkInterfaceAttribute", **off),
                form("DeleteRoute", **route),
            ],
        }
    )
)
