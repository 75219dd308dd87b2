# The roles of the control plane and of nodes. Pods have roles of their own, through EKS Pod Identity.

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
