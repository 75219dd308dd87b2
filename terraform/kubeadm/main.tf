# Kubernetes on EC2, looked after by kubeadm: nodes in Auto Scaling groups, one of size one for each node of the
# control plane, behind a network load balancer.
#
# Nothing here is secret: the cluster's keys are made by outboard, lie in SSM under `local.parameters`, and reach nodes
# by their roles. So neither the state nor user data holds any.

locals {
  # The id, not the name: what carries it is deleted with the cluster, and another cluster of the name may lie beside it.
  cluster_tag = "kubernetes.io/cluster/${var.id}"
  parameters  = "/outboard/${var.id}"

  control_plane_zones = slice(var.network.zones, 0, var.control_plane.nodes)

  # Of instances, volumes and network interfaces: provider-wide default tags do not reach what a group launches.
  node_tags = {
    "outboard.dev/cluster" = var.id
    (local.cluster_tag)    = "owned"
  }
}

module "network" {
  source = "../network"

  name        = var.name
  region      = var.region
  cidr        = var.network.cidr
  zones       = var.network.zones
  nat         = var.network.nat
  subnet_tags = { (local.cluster_tag) = "shared" }
}
