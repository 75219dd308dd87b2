# Who may speak to whom, one rule each. There is no rule for SSH: people come in through SSM Session Manager, which asks
# IAM and keeps a record.

resource "aws_security_group" "api" {
  name        = "${var.id}-api"
  description = "The load balancer of the Kubernetes API"
  vpc_id      = module.network.vpc_id

  tags = { Name = "${var.name}-api" }
}

resource "aws_security_group" "control_plane" {
  name        = "${var.id}-control-plane"
  description = "Nodes of the control plane"
  vpc_id      = module.network.vpc_id

  tags = { Name = "${var.name}-control-plane" }
}

# The cloud controller opens ports of load balancers in the group with the cluster's tag, and wants exactly one of a node's
# groups to have it.
resource "aws_security_group" "worker" {
  name        = "${var.id}-worker"
  description = "Workers"
  vpc_id      = module.network.vpc_id

  tags = { Name = "${var.name}-worker", (local.cluster_tag) = "owned" }
}

locals {
  groups = {
    api           = aws_security_group.api.id
    control_plane = aws_security_group.control_plane.id
    worker        = aws_security_group.worker.id
  }

  # to <- from, protocol, first and last port, why.
  rules = {
    api_from_control_plane = ["api", "control_plane", "tcp", 6443, 6443, "API for kubelets and controllers"]
    api_from_worker        = ["api", "worker", "tcp", 6443, 6443, "API for kubelets and pods"]

    control_plane_from_api = ["control_plane", "api", "tcp", 6443, 6443, "API and its health checks"]
    control_plane_api      = ["control_plane", "control_plane", "tcp", 6443, 6443, "API of the others"]
    control_plane_etcd     = ["control_plane", "control_plane", "tcp", 2379, 2380, "etcd clients and peers"]
    control_plane_kubelet  = ["control_plane", "control_plane", "tcp", 10250, 10250, "exec and logs of the others"]
    # The Service `kubernetes` leads to the nodes themselves, not to the balancer.
    control_plane_from_pods = ["control_plane", "worker", "tcp", 6443, 6443, "API for pods"]
    # metrics-server runs on a worker and asks every kubelet.
    control_plane_metrics = ["control_plane", "worker", "tcp", 10250, 10250, "metrics of kubelets"]
    worker_metrics_peers  = ["worker", "worker", "tcp", 10250, 10250, "metrics of kubelets"]

    worker_kubelet  = ["worker", "control_plane", "tcp", 10250, 10250, "exec, logs, metrics"]
    worker_webhooks = ["worker", "control_plane", "tcp", 8443, 8443, "admission webhooks"]
    worker_webhook2 = ["worker", "control_plane", "tcp", 9443, 9443, "admission webhooks"]
    worker_metrics  = ["worker", "control_plane", "tcp", 4443, 4443, "aggregated metrics API"]
    worker_https    = ["worker", "control_plane", "tcp", 443, 443, "webhooks that listen on 443"]

    # flannel: VXLAN between all nodes. Pods of one node reach those of another through it, webhooks and metrics too.
    vxlan_control_plane             = ["control_plane", "control_plane", "udp", 8472, 8472, "pod network"]
    vxlan_control_plane_from_worker = ["control_plane", "worker", "udp", 8472, 8472, "pod network"]
    vxlan_worker                    = ["worker", "worker", "udp", 8472, 8472, "pod network"]
    vxlan_worker_from_control_plane = ["worker", "control_plane", "udp", 8472, 8472, "pod network"]
  }
}

resource "aws_vpc_security_group_ingress_rule" "between" {
  for_each = local.rules

  security_group_id            = local.groups[each.value[0]]
  referenced_security_group_id = local.groups[each.value[1]]
  ip_protocol                  = each.value[2]
  from_port                    = each.value[3]
  to_port                      = each.value[4]
  description                  = each.value[5]

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "api" {
  for_each = toset(var.api.allow)

  security_group_id = aws_security_group.api.id
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 6443
  to_port           = 6443
  description       = "API for people and pipelines"

  tags = { Name = "${var.name}-api-${each.key}" }
}

# The name of a public balancer leads to public addresses, also from within: nodes come out of their NAT gateways, and rules
# that name groups do not hold for those.
resource "aws_vpc_security_group_ingress_rule" "api_from_nat" {
  for_each = var.api.public ? module.network.nat_addresses : {}

  security_group_id = aws_security_group.api.id
  cidr_ipv4         = "${each.value}/32"
  ip_protocol       = "tcp"
  from_port         = 6443
  to_port           = 6443
  description       = "API for nodes"

  tags = { Name = "${var.name}-api-nat-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "anywhere" {
  for_each = local.groups

  security_group_id = each.value
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
  description       = "Out"

  tags = { Name = "${var.name}-${each.key}-out" }
}
