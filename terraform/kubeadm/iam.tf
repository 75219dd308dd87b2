# What nodes may do. A worker reads its images, says how far it is, and reads the one parameter with which it joins.

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

locals {
  partition = data.aws_partition.here.partition
  account   = data.aws_caller_identity.here.account_id

  parameter_arn = "arn:${local.partition}:ssm:${var.region}:${local.account}:parameter${local.parameters}"
  bucket_arn    = "arn:${local.partition}:s3:::${var.bucket.name}"
  kms_arns      = var.kms_key_arn == null ? [] : [var.kms_key_arn]
}

data "aws_iam_policy_document" "ec2" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "worker" {
  statement {
    sid       = "BootScripts"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arn}/${var.bucket.prefix}/boot/*"]
  }

  statement {
    sid       = "Join"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.parameter_arn}/join/worker"]
  }

  statement {
    sid       = "Progress"
    actions   = ["ssm:PutParameter"]
    resources = ["${local.parameter_arn}/progress/*"]
  }

  # The node's own zone and type, which it labels itself with.
  statement {
    sid       = "WhoAmI"
    actions   = ["ec2:DescribeInstances"]
    resources = ["*"]
  }

  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Images"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:GetDownloadUrlForLayer",
    ]
    resources = ["arn:${local.partition}:ecr:*:${local.account}:repository/*"]
  }
}

data "aws_iam_policy_document" "control_plane" {
  # checkov:skip=CKV_AWS_111:Load balancers of Services have names that nobody knows beforehand; what changes or deletes asks for the cluster's tag.
  # checkov:skip=CKV_AWS_356:The same, and what describes takes no resource.
  statement {
    sid       = "BootScripts"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arn}/${var.bucket.prefix}/boot/*"]
  }

  # Who runs `kubeadm init`, whose turn it is to join, and snapshots of etcd.
  statement {
    sid       = "ElectionAndSnapshots"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.bucket_arn}/${var.bucket.prefix}/init/*", "${local.bucket_arn}/${var.bucket.prefix}/etcd/*"]
  }

  statement {
    sid       = "SnapshotsEnd"
    actions   = ["s3:PutObjectTagging"]
    resources = ["${local.bucket_arn}/${var.bucket.prefix}/etcd/*"]
  }

  # A conditional write is answered with 404 rather than 403 only to whom may list.
  statement {
    sid       = "ListOwnPrefix"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.bucket.prefix}/init/*", "${var.bucket.prefix}/etcd/*"]
    }
  }

  statement {
    sid       = "ReleaseTurn"
    actions   = ["s3:DeleteObject"]
    resources = ["${local.bucket_arn}/${var.bucket.prefix}/init/turn.json"]
  }

  statement {
    sid       = "Keys"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.parameter_arn}/pki/*", "${local.parameter_arn}/join/*"]
  }

  statement {
    sid       = "JoinAndProgress"
    actions   = ["ssm:PutParameter"]
    resources = ["${local.parameter_arn}/join/*", "${local.parameter_arn}/progress/*"]
  }

  statement {
    sid       = "ProgressEnds"
    actions   = ["ssm:DeleteParameter", "ssm:GetParametersByPath"]
    resources = ["${local.parameter_arn}/progress", "${local.parameter_arn}/progress/*"]
  }

  # The cloud controller: routes are the pod network's, so it reads nodes and looks after load balancers.
  statement {
    sid = "CloudControllerReads"
    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeTags",
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeInstanceTopology",
      "ec2:DescribeInstances",
      "ec2:DescribeRegions",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVolumes",
      "ec2:DescribeVpcs",
      "elasticloadbalancing:DescribeListeners",
      "elasticloadbalancing:DescribeLoadBalancerAttributes",
      "elasticloadbalancing:DescribeLoadBalancerPolicies",
      "elasticloadbalancing:DescribeLoadBalancers",
      "elasticloadbalancing:DescribeTargetGroups",
      "elasticloadbalancing:DescribeTargetHealth",
    ]
    resources = ["*"]
  }

  # It makes load balancers for Services, whose names nobody knows beforehand, with the cluster's tag from the first moment…
  statement {
    sid = "CloudControllerCreates"
    actions = [
      "ec2:CreateSecurityGroup",
      "elasticloadbalancing:CreateLoadBalancer",
      "elasticloadbalancing:CreateTargetGroup",
    ]
    resources = [
      "arn:${local.partition}:ec2:${var.region}:${local.account}:security-group/*",
      "arn:${local.partition}:elasticloadbalancing:${var.region}:${local.account}:loadbalancer/*",
      "arn:${local.partition}:elasticloadbalancing:${var.region}:${local.account}:targetgroup/*",
    ]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/${local.cluster_tag}"
      values   = ["owned"]
    }
  }

  # The VPC in which it makes them is named, too.
  statement {
    sid       = "CloudControllerCreatesIn"
    actions   = ["ec2:CreateSecurityGroup"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account}:vpc/*"]
  }

  # Tags are given while something is made, and never to what is there: that would make others' things the cluster's.
  statement {
    sid       = "CloudControllerTagsGroups"
    actions   = ["ec2:CreateTags"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account}:security-group/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["CreateSecurityGroup"]
    }
  }

  statement {
    sid       = "CloudControllerTagsBalancers"
    actions   = ["elasticloadbalancing:AddTags"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "elasticloadbalancing:CreateAction"
      values   = ["CreateListener", "CreateLoadBalancer", "CreateTargetGroup"]
    }
  }

  # The first load balancer of an account.
  statement {
    sid       = "CloudControllerRole"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/aws-service-role/elasticloadbalancing.amazonaws.com/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["elasticloadbalancing.amazonaws.com"]
    }
  }

  # …and changes only what has the cluster's tag.
  statement {
    sid = "CloudControllerChanges"
    actions = [
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:DeleteSecurityGroup",
      "ec2:RevokeSecurityGroupIngress",
      "elasticloadbalancing:AddTags",
      "elasticloadbalancing:ApplySecurityGroupsToLoadBalancer",
      "elasticloadbalancing:AttachLoadBalancerToSubnets",
      "elasticloadbalancing:ConfigureHealthCheck",
      "elasticloadbalancing:CreateListener",
      "elasticloadbalancing:CreateLoadBalancerListeners",
      "elasticloadbalancing:CreateLoadBalancerPolicy",
      "elasticloadbalancing:DeleteListener",
      "elasticloadbalancing:DeleteLoadBalancer",
      "elasticloadbalancing:DeleteLoadBalancerListeners",
      "elasticloadbalancing:DeleteTargetGroup",
      "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
      "elasticloadbalancing:DeregisterTargets",
      "elasticloadbalancing:DetachLoadBalancerFromSubnets",
      "elasticloadbalancing:ModifyListener",
      "elasticloadbalancing:ModifyLoadBalancerAttributes",
      "elasticloadbalancing:ModifyTargetGroup",
      "elasticloadbalancing:ModifyTargetGroupAttributes",
      "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
      "elasticloadbalancing:RegisterTargets",
      "elasticloadbalancing:SetLoadBalancerPoliciesForBackendServer",
      "elasticloadbalancing:SetLoadBalancerPoliciesOfListener",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/${local.cluster_tag}"
      values   = ["owned"]
    }
  }

  # The driver of volumes makes them with the cluster's tag from the first moment…
  statement {
    sid = "VolumesRead"
    actions = [
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeSnapshots",
      "ec2:DescribeTags",
      "ec2:DescribeVolumeStatus",
      "ec2:DescribeVolumesModifications",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "VolumesCreate"
    actions   = ["ec2:CreateVolume"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account}:volume/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/${local.cluster_tag}"
      values   = ["owned"]
    }
  }

  statement {
    sid       = "VolumesTag"
    actions   = ["ec2:CreateTags"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account}:volume/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["CreateVolume"]
    }
  }

  # …and touches only what has it: instances of this cluster, and its volumes.
  statement {
    sid     = "VolumesChange"
    actions = ["ec2:AttachVolume", "ec2:DeleteVolume", "ec2:DetachVolume", "ec2:ModifyVolume"]
    resources = [
      "arn:${local.partition}:ec2:${var.region}:${local.account}:instance/*",
      "arn:${local.partition}:ec2:${var.region}:${local.account}:volume/*",
    ]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/${local.cluster_tag}"
      values   = ["owned"]
    }
  }

  statement {
    sid = "AutoscalerReads"
    actions = [
      "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:DescribeLaunchConfigurations",
      "autoscaling:DescribeScalingActivities",
      "ec2:DescribeImages",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:GetInstanceTypesFromInstanceRequirements",
    ]
    resources = ["*"]
  }

  # Pools have this tag, groups of the control plane do not.
  statement {
    sid       = "AutoscalerScales"
    actions   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.id}"
      values   = ["owned"]
    }
  }

  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Images"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:GetDownloadUrlForLayer",
    ]
    resources = ["arn:${local.partition}:ecr:*:${local.account}:repository/*"]
  }
}

# Only where parameters are under a key of one's own: the account's key of SSM needs no policy.
data "aws_iam_policy_document" "key" {
  count = length(local.kms_arns)

  statement {
    sid       = "Parameters"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = local.kms_arns

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["ssm.${var.region}.amazonaws.com"]
    }
  }
}

locals {
  roles = {
    "control-plane" = data.aws_iam_policy_document.control_plane.json
    "worker"        = data.aws_iam_policy_document.worker.json
  }
}

resource "aws_iam_role" "node" {
  for_each = local.roles

  name                 = "${var.id}-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.ec2.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "node" {
  for_each = local.roles

  name   = each.key
  role   = aws_iam_role.node[each.key].name
  policy = each.value
}

resource "aws_iam_role_policy" "key" {
  for_each = length(local.kms_arns) == 0 ? {} : local.roles

  name   = "key"
  role   = aws_iam_role.node[each.key].name
  policy = data.aws_iam_policy_document.key[0].json
}

# The same key for volumes of workloads: their driver has EC2 use it, for EC2 alone.
data "aws_iam_policy_document" "volume_key" {
  count = length(local.kms_arns)

  statement {
    sid       = "Use"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    resources = local.kms_arns

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["ec2.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "Grant"
    actions   = ["kms:CreateGrant"]
    resources = local.kms_arns

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }
}

resource "aws_iam_role_policy" "volume_key" {
  for_each = length(local.kms_arns) == 0 ? toset([]) : toset(["control-plane"])

  name   = "volume-key"
  role   = aws_iam_role.node[each.key].name
  policy = data.aws_iam_policy_document.volume_key[0].json
}

# Shells through Session Manager. Not AWS' own policy for it: that one lets a node read every parameter of the account,
# the cluster's keys among them.
data "aws_iam_policy_document" "session_manager" {
  # checkov:skip=CKV_AWS_111:These actions are of the node itself, and take no resource.
  # checkov:skip=CKV_AWS_356:The same.
  statement {
    actions = [
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "session_manager" {
  for_each = local.roles

  name   = "session-manager"
  role   = aws_iam_role.node[each.key].name
  policy = data.aws_iam_policy_document.session_manager.json
}

resource "aws_iam_instance_profile" "node" {
  for_each = local.roles

  name = "${var.id}-${each.key}"
  role = aws_iam_role.node[each.key].name
}
