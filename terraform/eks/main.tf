# Kubernetes whose control plane AWS looks after, with node groups on EC2.

locals {
  cluster_tag = "kubernetes.io/cluster/${var.id}"
  partition   = data.aws_partition.here.partition

  # Instances and volumes are made by EKS: provider-wide default tags do not reach them.
  node_tags = merge(var.tags, {
    "outboard.dev/cluster" = var.id
    (local.cluster_tag)    = "owned"
  })

  # Before any node there has to be a pod network; the others want nodes to run on.
  addons       = merge(var.addons, var.volumes ? { "aws-ebs-csi-driver" = lookup(var.addons, "aws-ebs-csi-driver", null) } : {})
  early_addons = { for name, version in local.addons : name => version if contains(["vpc-cni", "kube-proxy", "eks-pod-identity-agent"], name) }
  late_addons  = { for name, version in local.addons : name => version if !contains(keys(local.early_addons), name) }

  # Environments are shut to each other by NetworkPolicies: without this EKS takes no notice of them.
  addon_settings = { "vpc-cni" = jsonencode({ enableNetworkPolicy = "true" }) }
}

data "aws_partition" "here" {}

module "network" {
  source = "../network"

  name        = var.name
  region      = var.region
  cidr        = var.network.cidr
  zones       = var.network.zones
  nat         = var.network.nat
  subnet_tags = { (local.cluster_tag) = "shared" }
}

resource "aws_cloudwatch_log_group" "control_plane" {
  # checkov:skip=CKV_AWS_338:Ninety days are enough to find out what happened; who needs more ships them.
  name              = "/aws/eks/${var.id}/cluster"
  retention_in_days = 90
  kms_key_id        = var.kms_key_arn
}

resource "aws_eks_cluster" "this" {
  # checkov:skip=CKV_AWS_37:What scheduler and controller manager log is of use to AWS alone.
  # checkov:skip=CKV_AWS_58:With `kms_key_arn` they are under that key; without it under one of EKS' own.
  name     = var.id
  version  = var.kubernetes_version
  role_arn = aws_iam_role.control_plane.arn

  enabled_cluster_log_types = ["api", "audit", "authenticator"]
  # Add-ons are listed in `addons`, and nowhere else.
  bootstrap_self_managed_addons = false

  vpc_config {
    subnet_ids              = values(module.network.private_subnet_ids)
    endpoint_private_access = true
    endpoint_public_access  = var.api.public
    public_access_cidrs     = var.api.public ? var.api.allow : null
  }

  kubernetes_network_config {
    service_ipv4_cidr = var.network.service_cidr
  }

  # Who may do what is said by access entries: no map in the cluster, and no creator who stays an administrator.
  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = false
  }

  # The other one, which is EKS' own default, costs six times as much once a version is old.
  upgrade_policy {
    support_type = "STANDARD"
  }

  dynamic "encryption_config" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      resources = ["secrets"]

      provider {
        key_arn = encryption_config.value
      }
    }
  }

  # Its policies are needed to delete what it made, and its logs would be made anew by it.
  depends_on = [
    aws_iam_role_policy_attachment.control_plane,
    aws_cloudwatch_log_group.control_plane,
  ]
}

resource "aws_eks_access_entry" "admin" {
  for_each = toset(var.admins)

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.key
}

resource "aws_eks_access_policy_association" "admin" {
  for_each = toset(var.admins)

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = aws_eks_access_entry.admin[each.key].principal_arn
  policy_arn    = "arn:${local.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope {
    type = "cluster"
  }
}

resource "aws_eks_addon" "early" {
  for_each = local.early_addons

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = each.value
  configuration_values        = lookup(local.addon_settings, each.key, null)
  resolve_conflicts_on_update = "OVERWRITE"
}

resource "aws_eks_addon" "late" {
  for_each = local.late_addons

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = each.value
  resolve_conflicts_on_update = "OVERWRITE"

  # What the driver of volumes does in AWS, it does as a role of its own.
  dynamic "pod_identity_association" {
    for_each = each.key == "aws-ebs-csi-driver" && var.volumes ? { "ebs-csi-controller-sa" = aws_iam_role.pod["ebs-csi"].arn } : {}

    content {
      service_account = pod_identity_association.key
      role_arn        = pod_identity_association.value
    }
  }

  depends_on = [aws_eks_node_group.worker]
}

# cluster-autoscaler is outboard's add-on: its account is bound to its role before it is there.
resource "aws_eks_pod_identity_association" "autoscaler" {
  count = var.autoscaler ? 1 : 0

  cluster_name    = aws_eks_cluster.this.name
  namespace       = "kube-system"
  service_account = "cluster-autoscaler"
  role_arn        = aws_iam_role.pod["cluster-autoscaler"].arn
}
