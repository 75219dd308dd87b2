# The contract of every module that outboard makes clusters with: one output of this shape (see ../README.md). Nothing in it
# is secret: `auth` says where credentials are, never what they are.
output "outboard" {
  description = "What outboard has to know of the cluster."
  value = {
    api_version = "outboard.dev/v1alpha1"
    endpoint    = "https://${var.api.host}:6443"
    region      = var.region
    vpc_id      = module.network.vpc_id
    subnet_ids  = sort(values(module.network.private_subnet_ids))
    auth = {
      kind      = "ssm"
      parameter = "${local.parameters}/pki/ca"
    }
    load_balancer = {
      dns_name = aws_lb.api.dns_name
      zone_id  = aws_lb.api.zone_id
    }
  }
}
