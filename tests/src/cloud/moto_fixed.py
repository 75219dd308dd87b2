"""moto's server, with the answers that a Terraform provider needs made as AWS makes them.

A class or method that a newer moto calls otherwise fails at the start.
"""
import sys

from moto.autoscaling.models import LifecycleHook
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data
from moto.eks.models import Nodegroup
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

if __name__ == "__main__":
    main(sys.argv[1:])
