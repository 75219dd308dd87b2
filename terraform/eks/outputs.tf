# The contract of every module that outboard makes clusters with (see ../README.md).
output "outboard" {
  description = "What outboard has to know of the cluster."
  value = {
    api_version           = "outboard.dev/v1alpha1"
    endpoint              = aws_eks_cluster.this.endpoint
    certificate_authority = aws_eks_cluster.this.certificate_authority[0].data
    region                = var.region
    vpc_id                = module.network.vpc_id
    subnet_ids            = sort(values(module.network.private_subnet_ids))
    auth = {
      kind    = "eks"
      cluster = aws_eks_cluster.this.name
    }
    load_balancer = null
  }
}
