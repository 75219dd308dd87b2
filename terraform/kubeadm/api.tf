# The Kubernetes API: a network load balancer, and a name that stays when the balancer is made anew.

resource "aws_lb" "api" {
  # checkov:skip=CKV_AWS_150:A cluster is destroyed as a whole; what protects it is asked before.
  # checkov:skip=CKV_AWS_91:Only listeners with TLS write access logs; the API's own audit log says who did what.
  name               = "${var.id}-api"
  load_balancer_type = "network"
  internal           = !var.api.public
  # A group can only be given when it is made.
  security_groups                  = [aws_security_group.api.id]
  subnets                          = values(var.api.public ? module.network.public_subnet_ids : module.network.private_subnet_ids)
  enable_cross_zone_load_balancing = true

  tags = { Name = "${var.name}-api" }
}

resource "aws_lb_target_group" "api" {
  name     = "${var.id}-api"
  port     = 6443
  protocol = "TCP"
  vpc_id   = module.network.vpc_id
  # With it, a node could not reach itself through the balancer.
  preserve_client_ip     = false
  connection_termination = true
  deregistration_delay   = 60

  health_check {
    protocol            = "HTTPS"
    path                = "/readyz"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  tags = { Name = "${var.name}-api" }
}

resource "aws_lb_listener" "api" {
  load_balancer_arn = aws_lb.api.arn
  port              = 6443
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }
}

# Where nobody names a hosted zone: one that only this VPC sees.
resource "aws_route53_zone" "private" {
  count = var.api.zone_id == null ? 1 : 0

  name    = var.api.zone_name
  comment = "Names of cluster ${var.name}"

  vpc {
    vpc_id = module.network.vpc_id
  }

  tags = { Name = "${var.name}-api" }
}

resource "aws_route53_record" "api" {
  zone_id = var.api.zone_id == null ? aws_route53_zone.private[0].zone_id : var.api.zone_id
  name    = var.api.host
  type    = "A"

  alias {
    name                   = aws_lb.api.dns_name
    zone_id                = aws_lb.api.zone_id
    evaluate_target_health = false
  }
}
