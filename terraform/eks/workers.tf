# Managed node groups: EKS drains their nodes before it replaces them.

resource "aws_launch_template" "worker" {
  for_each = var.workers

  name                   = "${var.id}-worker-${each.key}"
  update_default_version = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = each.value.volume_gib
      encrypted             = true
      kms_key_id            = var.kms_key_arn
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(local.node_tags, { Name = "${var.name}-worker-${each.key}" })
    }
  }

  tags = { Name = "${var.name}-worker-${each.key}" }
}

resource "aws_eks_node_group" "worker" {
  for_each = var.workers

  cluster_name    = aws_eks_cluster.this.name
  node_group_name = each.key
  node_role_arn   = aws_iam_role.worker.arn
  subnet_ids      = values(module.network.private_subnet_ids)
  # A family with a `g` behind its generation (m7g, c8gd) is Graviton.
  ami_type       = can(regex("^[a-z]+[0-9]+g", each.value.instances[0])) ? "AL2023_ARM_64_STANDARD" : "AL2023_x86_64_STANDARD"
  capacity_type  = each.value.spot ? "SPOT" : "ON_DEMAND"
  instance_types = each.value.instances
  labels         = merge(each.value.labels, { "outboard.dev/pool" = each.key })

  scaling_config {
    min_size     = each.value.min
    max_size     = each.value.max
    desired_size = each.value.min
  }

  update_config {
    max_unavailable = 1
  }

  launch_template {
    id      = aws_launch_template.worker[each.key].id
    version = aws_launch_template.worker[each.key].latest_version
  }

  dynamic "taint" {
    for_each = each.value.taints

    content {
      key    = taint.value.key
      value  = taint.value.value
      effect = { NoSchedule = "NO_SCHEDULE", PreferNoSchedule = "PREFER_NO_SCHEDULE", NoExecute = "NO_EXECUTE" }[taint.value.effect]
    }
  }

  depends_on = [
    module.network,
    aws_iam_role_policy_attachment.worker,
    aws_eks_addon.early,
  ]

  lifecycle {
    # How many there are is cluster-autoscaler's business.
    ignore_changes = [scaling_config[0].desired_size]
  }
}
