"""What people do in AWS behind Terraform's back, and what is left there.

usage: behind.py ENDPOINT drift ID    changes nine things of a cluster, each of another kind
       behind.py ENDPOINT made ID     makes what Kubernetes makes for Services and volumes
       behind.py ENDPOINT left ID     prints a line for everything of a cluster that is there
       behind.py ENDPOINT userdata ID prints what machines are started with, of every version
       behind.py ENDPOINT crowd ID    makes as many networks as an account may have
"""
import base64
import sys

import boto3

endpoint, what, cluster = sys.argv[1:4]
name = cluster.rsplit("-", 1)[0]


def client(service):
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, endpoint_url=endpoint, region_name="eu-west-1", **keys)


ec2, asg, elb, iam = client("ec2"), client("autoscaling"), client("elbv2"), client("iam")
route53, s3 = client("route53"), client("s3")
tagged = [{"Name": "tag:outboard.dev/cluster", "Values": [cluster]}]


def zones():
    return [zone for zone in route53.list_hosted_zones()["HostedZones"] if zone["Name"].startswith(f"api.{name}.")]


def drift():
    vpc = ec2.describe_vpcs(Filters=tagged)["Vpcs"][0]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "behind", "Value": "our-back"}])

    groups = {group["GroupName"]: group for group in ec2.describe_security_groups(Filters=tagged)["SecurityGroups"]}
    worker = groups[f"{cluster}-worker"]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [worker["GroupId"]]}])
    control_plane = groups[f"{cluster}-control-plane"]["GroupId"]
    of_control_plane = (r for r in rules["SecurityGroupRules"] if r.get("ReferencedGroupInfo", {}).get("GroupId") == control_plane)
    kubelet = next(rule for rule in of_control_plane if rule.get("FromPort") == 10250)
    ec2.revoke_security_group_ingress(GroupId=worker["GroupId"], SecurityGroupRuleIds=[kubelet["SecurityGroupRuleId"]])

    asg.update_auto_scaling_group(AutoScalingGroupName=f"{cluster}-worker-general", MaxSize=9)

    bucket = next(b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("outboard-"))
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix=f"clusters/{cluster}/boot/")["Contents"]]
    s3.delete_object(Bucket=bucket, Key=next(key for key in keys if key.endswith("/worker.sh")))

    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    iam.put_role_policy(RoleName=f"{cluster}-worker", PolicyName="worker", PolicyDocument=policy)

    balancer = elb.describe_load_balancers(Names=[f"{cluster}-api"])["LoadBalancers"][0]["LoadBalancerArn"]
    for listener in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])

    zone = zones()[0]["Id"]
    records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    record = next(record for record in records if record["Type"] == "A")
    change = {"Action": "DELETE", "ResourceRecordSet": record}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})

    tables = ec2.describe_route_tables(Filters=tagged)["RouteTables"]
    private = next(t for t in tables if any(tag["Value"] == f"{name}-private-eu-west-1a" for tag in t["Tags"]))
    ec2.delete_route(RouteTableId=private["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")

    ec2.create_launch_template_version(
        LaunchTemplateName=f"{cluster}-worker-general",
        SourceVersion="1",
        LaunchTemplateData={"ImageId": "ami-0ffffffffffffffff"},
    )


def made():
    tags = [{"Key": f"kubernetes.io/cluster/{cluster}", "Value": "owned"}]

    def specified(kind):
        return [{"ResourceType": kind, "Tags": tags}]

    vpc = ec2.describe_vpcs(Filters=tagged)["Vpcs"][0]["VpcId"]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=tagged)["Subnets"]][:1]
    elb.create_load_balancer(Name="k8s-shop", Type="network", Subnets=subnets, Tags=tags)
    of_controller = [{"Key": "elbv2.k8s.aws/cluster", "Value": cluster}]
    elb.create_load_balancer(Name="k8s-traffic", Type="network", Subnets=subnets, Tags=of_controller)
    elb.create_target_group(Name="k8s-shop", Protocol="TCP", Port=80, VpcId=vpc, Tags=tags)
    listeners = [{"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 30080}]
    client("elb").create_load_balancer(LoadBalancerName="ashop", Listeners=listeners, Subnets=subnets, Tags=tags)
    group = {"GroupName": "k8s-elb-shop", "Description": "shop", "VpcId": vpc}
    shop = ec2.create_security_group(TagSpecifications=specified("security-group"), **group)["GroupId"]
    # As the cloud controller does: nodes let the balancer in.
    groups = ec2.describe_security_groups(Filters=tagged)["SecurityGroups"]
    worker = next((g["GroupId"] for g in groups if g["GroupName"] == f"{cluster}-worker"), None)
    if worker:
        allowed = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": shop}]}]
        ec2.authorize_security_group_ingress(GroupId=worker, IpPermissions=allowed)
    ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1, TagSpecifications=specified("volume"))


def left():
    owned = [{"Name": f"tag:kubernetes.io/cluster/{cluster}", "Values": ["owned"]}]
    yield from (f"volume {v['VolumeId']}" for v in ec2.describe_volumes(Filters=owned)["Volumes"])
    yield from (f"group {g['GroupId']}" for g in ec2.describe_security_groups(Filters=owned)["SecurityGroups"])
    classic = client("elb").describe_load_balancers()["LoadBalancerDescriptions"]
    yield from (f"classic balancer {b['LoadBalancerName']}" for b in classic)
    everything = elb.describe_load_balancers()["LoadBalancers"] + elb.describe_target_groups()["TargetGroups"]
    names = (one.get("LoadBalancerName") or one["TargetGroupName"] for one in everything)
    yield from (f"of Kubernetes {name}" for name in names if name.startswith("k8s-"))
    yield from (f"vpc {v['VpcId']}" for v in ec2.describe_vpcs(Filters=tagged)["Vpcs"])
    yield from (f"subnet {s['SubnetId']}" for s in ec2.describe_subnets(Filters=tagged)["Subnets"])
    yield from (f"group {g['GroupId']}" for g in ec2.describe_security_groups(Filters=tagged)["SecurityGroups"])
    yield from (f"table {t['RouteTableId']}" for t in ec2.describe_route_tables(Filters=tagged)["RouteTables"])
    yield from (f"address {a['AllocationId']}" for a in ec2.describe_addresses(Filters=tagged)["Addresses"])
    gateways = ec2.describe_internet_gateways(Filters=tagged)["InternetGateways"]
    yield from (f"gateway {g['InternetGatewayId']}" for g in gateways)
    nats = ec2.describe_nat_gateways(Filters=tagged)["NatGateways"]
    yield from (f"nat {n['NatGatewayId']}" for n in nats if n["State"] != "deleted")
    endpoints = ec2.describe_vpc_endpoints(Filters=tagged)["VpcEndpoints"]
    yield from (f"endpoint {e['VpcEndpointId']}" for e in endpoints if e["State"] != "deleted")
    yield from (f"volume {v['VolumeId']}" for v in ec2.describe_volumes(Filters=tagged)["Volumes"])
    for reservation in ec2.describe_instances(Filters=tagged)["Reservations"]:
        running = [i for i in reservation["Instances"] if i["State"]["Name"] != "terminated"]
        yield from (f"instance {i['InstanceId']}" for i in running)
    templates = ec2.describe_launch_templates()["LaunchTemplates"]
    yield from (f"template {t['LaunchTemplateName']}" for t in templates if t["LaunchTemplateName"].startswith(cluster))
    found = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    yield from (f"asg {g['AutoScalingGroupName']}" for g in found if g["AutoScalingGroupName"].startswith(cluster))
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    yield from (f"balancer {b['LoadBalancerName']}" for b in balancers if b["LoadBalancerName"].startswith(cluster))
    targets = elb.describe_target_groups()["TargetGroups"]
    yield from (f"targets {t['TargetGroupName']}" for t in targets if t["TargetGroupName"].startswith(cluster))
    yield from (f"role {r['RoleName']}" for r in iam.list_roles()["Roles"] if r["RoleName"].startswith(cluster))
    profiles = iam.list_instance_profiles()["InstanceProfiles"]
    yield from (f"profile {p['InstanceProfileName']}" for p in profiles if p["InstanceProfileName"].startswith(cluster))
    yield from (f"zone {zone['Name']}" for zone in zones())
    for bucket in s3.list_buckets()["Buckets"]:
        objects = s3.list_objects_v2(Bucket=bucket["Name"], Prefix=f"clusters/{cluster}/").get("Contents", [])
        yield from (f"object {o['Key']}" for o in objects)


def userdata():
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=template["LaunchTemplateId"])
        for version in versions["LaunchTemplateVersions"]:
            yield decoded(version["LaunchTemplateData"].get("UserData", ""))
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            told = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
            yield decoded(told["UserData"].get("Value", ""))


def decoded(data):
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        return data


def crowd():
    while len(ec2.describe_vpcs()["Vpcs"]) < 5:
        ec2.create_vpc(CidrBlock="10.99.0.0/16")


verbs = {
    "drift": drift,
    "made": made,
    "left": left,
    "userdata": userdata,
    "crowd": crowd,
}
told = verbs[what]()
if what in ("left", "userdata"):
    print("\n".join(told))
