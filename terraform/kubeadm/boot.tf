# What nodes boot from. User data is a stub that fetches these files by checksum: a launch template changes when they do,
# and its size is of no concern.

locals {
  # What scripts have to know, as variables of a shell. None of it is secret.
  cluster_env = join("\n", [for key, value in {
    OUTBOARD_CLUSTER    = var.name
    OUTBOARD_REGION     = var.region
    OUTBOARD_BUCKET     = var.bucket.name
    OUTBOARD_PREFIX     = var.bucket.prefix
    OUTBOARD_PARAMETERS = local.parameters
    KUBERNETES_VERSION  = var.kubernetes_version
    API_HOST            = var.api.host
    POD_CIDR            = var.network.pod_cidr
    SERVICE_CIDR        = var.network.service_cidr
  } : "${key}='${value}'"])

  boot_files = {
    "cluster.env"      = "${local.cluster_env}\n"
    "node.sh"          = file("${path.module}/boot/node.sh")
    "cloud.sh"         = file("${path.module}/boot/cloud.sh")
    "control-plane.sh" = file("${path.module}/boot/control-plane.sh")
    "configuration.sh" = file("${path.module}/boot/configuration.sh")
    "members.sh"       = file("${path.module}/boot/members.sh")
    "upkeep.sh"        = file("${path.module}/boot/upkeep.sh")
    "worker.sh"        = file("${path.module}/boot/worker.sh")
  }

  # One line a file, as `sha256sum --check` reads it.
  checksums = join("\n", [for name, content in local.boot_files : "${sha256(content)}  ${name}"])
}

# Each version of a file has a key of its own: nodes of the old template find theirs while the new one is rolled out.
resource "aws_s3_object" "boot" {
  for_each = local.boot_files

  bucket       = var.bucket.name
  key          = "${var.bucket.prefix}/boot/${sha256(each.value)}/${each.key}"
  content      = each.value
  content_type = "text/plain"
}
