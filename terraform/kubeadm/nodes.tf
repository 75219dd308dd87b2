# Launch templates and the Auto Scaling groups of both kinds of nodes.

locals {
  # A pool for each node of the control plane is no pool: they are told apart by zone.
  pools = merge(
    { "control-plane" = {
      role       = "control-plane"
      group      = aws_security_group.control_plane.id
      volume_gib = var.control_plane.volume_gib
      iops       = var.control_plane.volume_iops
      labels     = {}
      taints     = []
    } },
    { for name, pool in var.workers : "worker-${name}" => {
      role       = "worker"
      group      = aws_security_group.worker.id
      volume_gib = pool.volume_gib
      iops       = 3000
      labels     = merge(pool.labels, { "outboard.dev/pool" = name })
      taints     = pool.taints
    } },
  )
}

resource "aws_launch_template" "node" {
  for_each = local.pools

  name                   = "${var.id}-${each.key}"
  image_id               = var.image
  instance_type          = each.value.role == "control-plane" ? var.control_plane.instance : null
  update_default_version = true
  ebs_optimized          = true

  # Not base64gzip: Terraform and OpenTofu compress differently, which would replace every node.
  user_data = base64encode(templatefile("${path.module}/boot/stub.sh.tftpl", {
    bucket    = var.bucket.name
    prefix    = var.bucket.prefix
    region    = var.region
    checksums = local.checksums
    role      = each.value.role
    labels    = join(",", [for key, value in each.value.labels : "${key}=${value}"])
    taints    = join(",", [for taint in each.value.taints : "${taint.key}=${taint.value}:${taint.effect}"])
  }))

  iam_instance_profile {
    name = aws_iam_instance_profile.node[each.value.role].name
  }

  network_interfaces {
    associate_public_ip_address = false
    delete_on_termination       = true
    security_groups             = [each.value.group]
  }

  # Session tokens only, and none beyond the node itself: a pod does not become the node by asking for its metadata.
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
      iops                  = each.value.iops
      encrypted             = true
      kms_key_id            = var.kms_key_arn
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = true
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(local.node_tags, { Name = "${var.name}-${each.key}" })
    }
  }

  tags = { Name = "${var.name}-${each.key}" }

  # A node that starts before its files are there would wait for nothing.
  depends_on = [aws_s3_object.boot, aws_iam_role_policy.node]
}

# One group of one node in each zone: EC2 then replaces a lost node in its zone, and a group over three zones could not take
# two members of etcd away at once to balance itself.
resource "aws_autoscaling_group" "control_plane" {
  for_each = toset(local.control_plane_zones)

  name                = "${var.id}-control-plane-${each.key}"
  min_size            = 1
  max_size            = 1
  desired_capacity    = 1
  vpc_zone_identifier = [module.network.private_subnet_ids[each.key]]
  target_group_arns   = [aws_lb_target_group.api.arn]
  # Not by the balancer's health: a slow API would have its nodes killed one after the other.
  health_check_type         = "EC2"
  health_check_grace_period = 300
  # Terraform would wait for machines and, interrupted, forget the group that goes on buying them. outboard waits itself.
  wait_for_capacity_timeout = "0"
  termination_policies      = ["OldestLaunchTemplate", "Default"]

  launch_template {
    id      = aws_launch_template.node["control-plane"].id
    version = aws_launch_template.node["control-plane"].latest_version
  }

  dynamic "tag" {
    for_each = merge(local.node_tags, { Name = "${var.name}-control-plane-${each.key}" })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  # The first node needs its way to the internet and its name at once.
  depends_on = [
    module.network,
    aws_lb_listener.api,
    aws_route53_record.api,
    aws_vpc_security_group_ingress_rule.between,
    aws_vpc_security_group_ingress_rule.api,
    aws_vpc_security_group_ingress_rule.api_from_nat,
    aws_vpc_security_group_egress_rule.anywhere,
  ]
}

resource "aws_autoscaling_group" "worker" {
  for_each = var.workers

  name                      = "${var.id}-worker-${each.key}"
  min_size                  = each.value.min
  max_size                  = each.value.max
  desired_capacity          = each.value.min
  vpc_zone_identifier       = values(module.network.private_subnet_ids)
  health_check_type         = "EC2"
  health_check_grace_period = 300
  wait_for_capacity_timeout = "0"
  # Told of a coming interruption, it starts another node before the old one goes.
  capacity_rebalance = each.value.spot

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = each.value.spot ? each.value.on_demand : 0
      on_demand_percentage_above_base_capacity = each.value.spot ? 0 : 100
      # From the pools that are least likely to be interrupted; no price limit: it only makes interruptions likelier.
      spot_allocation_strategy = "capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.node["worker-${each.key}"].id
        version            = aws_launch_template.node["worker-${each.key}"].latest_version
      }

      dynamic "override" {
        for_each = each.value.instances

        content {
          instance_type = override.value
        }
      }
    }
  }

  # The last ones tell cluster-autoscaler what a node of an empty pool would be.
  dynamic "tag" {
    for_each = merge(
      local.node_tags,
      {
        Name                                                              = "${var.name}-worker-${each.key}"
        "k8s.io/cluster-autoscaler/enabled"                               = "true"
        "k8s.io/cluster-autoscaler/${var.id}"                             = "owned"
        "k8s.io/cluster-autoscaler/node-template/label/outboard.dev/pool" = each.key
      },
      { for key, value in each.value.labels : "k8s.io/cluster-autoscaler/node-template/label/${key}" => value },
      { for taint in each.value.taints : "k8s.io/cluster-autoscaler/node-template/taint/${taint.key}" => "${taint.value}:${taint.effect}" },
    )

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  depends_on = [
    module.network,
    aws_lb_listener.api,
    aws_route53_record.api,
    aws_vpc_security_group_ingress_rule.between,
    aws_vpc_security_group_ingress_rule.api_from_nat,
    aws_vpc_security_group_egress_rule.anywhere,
  ]

  lifecycle {
    # How many there are is cluster-autoscaler's business.
    ignore_changes = [desired_capacity]
  }
}
