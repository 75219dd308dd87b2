# The roles of the control plane, of nodes, and of those pods that act in AWS.

data "aws_iam_policy_document" "assume" {
  for_each = { control_plane = "eks.amazonaws.com", worker = "ec2.amazonaws.com" }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }
  }
}

resource "aws_iam_role" "control_plane" {
  name                 = "${var.id}-control-plane"
  assume_role_policy   = data.aws_iam_policy_document.assume["control_plane"].json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy_attachment" "control_plane" {
  role       = aws_iam_role.control_plane.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role" "worker" {
  name                 = "${var.id}-worker"
  assume_role_policy   = data.aws_iam_policy_document.assume["worker"].json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy_attachment" "worker" {
  for_each = toset([
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
  ])

  role       = aws_iam_role.worker.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.key}"
}

# Shells through Session Manager. Not AWS' own policy for it: that one lets a node read every parameter of the account.
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
  name   = "session-manager"
  role   = aws_iam_role.worker.name
  policy = data.aws_iam_policy_document.session_manager.json
}

# Roles of pods: EKS Pod Identity gives one to a service account, and to nothing else on its node.
data "aws_iam_policy_document" "assume_pod" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "pod" {
  for_each = toset(concat(var.autoscaler ? ["cluster-autoscaler"] : [], var.volumes ? ["ebs-csi"] : []))

  name                 = "${var.id}-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.assume_pod.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy_attachment" "ebs_csi" {
  count = var.volumes ? 1 : 0

  role       = aws_iam_role.pod["ebs-csi"].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
}

# Volumes under a key of one's own: the driver has EC2 use it, for EC2 alone.
data "aws_iam_policy_document" "volume_key" {
  count = var.kms_key_arn == null ? 0 : 1

  statement {
    sid       = "Use"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["ec2.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "Grant"
    actions   = ["kms:CreateGrant"]
    resources = [var.kms_key_arn]

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }
}

resource "aws_iam_role_policy" "volume_key" {
  count = var.volumes && var.kms_key_arn != null ? 1 : 0

  name   = "volume-key"
  role   = aws_iam_role.pod["ebs-csi"].name
  policy = data.aws_iam_policy_document.volume_key[0].json
}

data "aws_iam_policy_document" "autoscaler" {
  # checkov:skip=CKV_AWS_111:Groups of node groups have names that EKS gives; what changes asks for the cluster's tag.
  # checkov:skip=CKV_AWS_356:The same, and what describes takes no resource.
  statement {
    sid = "Reads"
    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:DescribeLaunchConfigurations",
      "autoscaling:DescribeScalingActivities",
      "autoscaling:DescribeTags",
      "ec2:DescribeImages",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:GetInstanceTypesFromInstanceRequirements",
      "eks:DescribeNodegroup",
    ]
    resources = ["*"]
  }

  # EKS gives this tag to the groups of its node groups.
  statement {
    sid       = "Scales"
    actions   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.id}"
      values   = ["owned"]
    }
  }
}

resource "aws_iam_role_policy" "autoscaler" {
  count = var.autoscaler ? 1 : 0

  name   = "cluster-autoscaler"
  role   = aws_iam_role.pod["cluster-autoscaler"].name
  policy = data.aws_iam_policy_document.autoscaler.json
}
