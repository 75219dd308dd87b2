"""moto's server, with the answers that a Terraform provider needs made as AWS makes them.

A class or method that a newer moto calls otherwise fails at the start.
"""
import json
import pathlib
import sys

from moto.autoscaling.models import LifecycleHook
from moto.core.resource_tagging import TaggedResource
from moto.ec2.models import EC2Backend
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data
from moto.eks.models import Nodegroup
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.route53.models import Route53Backend
from moto.route53.responses import Route53
from moto.server import main

# CreateLaunchTemplate copies the template's own tags into what it launches.
create = LaunchTemplates.create_launch_template


def create_launch_template(self):
    answer = create(self)
    template = self.ec2_backend.get_launch_template(answer.result["LaunchTemplate"]["LaunchTemplateId"])
    for version in template.versions:
        kept = [tags for tags in version.data.get("TagSpecifications", []) if tags["ResourceType"] != "launch-template"]
        version.data["TagSpecifications"] = kept
        if not kept:
            del version.data["TagSpecifications"]
    return answer


LaunchTemplates.create_launch_template = create_launch_template

# Machines of a template's second version are never started: its user data stays as it was sent.
version = LaunchTemplate.create_version


def create_version(self, data, description):
    if isinstance(data.get("UserData"), str):
        data["UserData"] = parse_user_data(data["UserData"])
    return version(self, data, description)


LaunchTemplate.create_version = create_version

# DescribeLifecycleHooks answers a made-up role and queue for every hook.
hook = LifecycleHook.__init__


def init_hook(self, *arguments, **named):
    hook(self, *arguments, **named)
    self.role_arn = self.notification_target_arn = None


LifecycleHook.__init__ = init_hook

# A node group has a key of SSH, a size of disks and versions of its own making if it was given none.
group = Nodegroup.__init__


def init_group(self, *arguments, **named):
    group(self, *arguments, **named)
    self.remote_access = named.get("remote_access")
    self.disk_size = named.get("disk_size")


Nodegroup.__init__ = init_group

# A hosted zone with a VPC is private: nobody has to say so besides.
flag = Route53._get_bool_param


def get_bool_param(self, name, *default):
    if name == "HostedZoneConfig.PrivateZone" and self._get_param("VPC.VPCId"):
        return True
    return flag(self, name, *default)


Route53._get_bool_param = get_bool_param

# The index of tags leaves some kinds out that AWS has in it.
indexed = EC2Backend.iter_tagged_resources


def iter_tagged_resources(self):
    yield from indexed(self)
    endpoints = (endpoint for endpoint in self.vpc_end_points.values() if endpoint.state != "deleted")
    more = {
        "elastic-ip": [address.allocation_id for address in self.addresses],
        "launch-template": list(self.launch_templates),
        "vpc-endpoint": [endpoint.id for endpoint in endpoints],
    }
    for kind, identities in more.items():
        for identity in identities:
            arn = f"arn:{self.partition}:ec2:{self.region_name}:{self.account_id}:{kind}/{identity}"
            yield TaggedResource(arn=arn, tags=dict(self.tags.get(identity, {})), resource_type=f"ec2:{kind}")


EC2Backend.iter_tagged_resources = iter_tagged_resources

# A record that is made again after it was deleted is refused if the zone holds any other at or behind its name.
change = Route53Backend.change_resource_record_sets


def change_resource_record_sets(self, zoneid, change_list):
    zone = self.get_hosted_zone(zoneid)
    for asked in change_list:
        name, kind = asked["ResourceRecordSet"]["Name"].strip("."), asked["ResourceRecordSet"]["Type"]
        there = any(record.name.strip(".") == name and record.type == kind for record in zone.rrsets)
        while asked["Action"] == "CREATE" and not there and asked in zone.rr_changes:
            zone.rr_changes.remove(asked)
    return change(self, zoneid, change_list)


Route53Backend.change_resource_record_sets = change_resource_record_sets

# While there is a file `expired` beside this one nobody's session is valid any more, which every service puts in words of its own.
expired = pathlib.Path(__file__).with_name("expired")
answer = DomainDispatcherApplication.__call__


def call(self, environ, start_response):
    if not expired.exists():
        return answer(self, environ, start_response)
    text, signed = "The security token included in the request is expired", environ.get("HTTP_AUTHORIZATION", "")
    if environ.get("HTTP_X_AMZ_TARGET"):
        status, kind = "400 Bad Request", "application/x-amz-json-1.1"
        body = json.dumps({"__type": "ExpiredTokenException", "message": text})
    else:
        status, kind = "403 Forbidden", "text/xml"
        error = f"<Error><Code>ExpiredToken</Code><Message>{text}</Message></Error>"
        if "/s3/" in signed:
            body = error
        elif "/ec2/" in signed:
            body = f"<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>"
        else:
            body = f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body.encode()]


DomainDispatcherApplication.__call__ = call

if __name__ == "__main__":
    main(sys.argv[1:])
