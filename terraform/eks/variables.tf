variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.name))
    error_message = "A name is 1 to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "id" {
  description = "Name with a suffix that no other cluster has; the cluster and its roles are called so."
  type        = string
}

variable "region" {
  description = "Region of the cluster."
  type        = string
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes, such as 1.34: EKS chooses the patch."
  type        = string
}

variable "network" {
  description = "Addresses, zones and NAT (see ../network)."
  type = object({
    cidr         = string
    zones        = list(string)
    nat          = string
    service_cidr = string
  })
}

variable "api" {
  description = "Whether the API has a public address, for the CIDRs in `allow` alone. It always has a private one."
  type = object({
    public = bool
    allow  = list(string)
  })

  validation {
    condition     = !var.api.public || length(var.api.allow) > 0
    error_message = "A public API needs the CIDRs that may reach it: without them EKS opens it to everybody."
  }
  validation {
    condition     = !contains(var.api.allow, "0.0.0.0/0")
    error_message = "The API is not opened to everybody: name the CIDRs that may reach it."
  }
}

variable "admins" {
  description = "ARNs of the roles that administer the cluster."
  type        = list(string)
}

variable "addons" {
  description = "EKS add-ons and their pinned versions; null for the one that EKS takes for this version of Kubernetes."
  type        = map(string)
  default = {
    "vpc-cni"                = null
    "kube-proxy"             = null
    "coredns"                = null
    "eks-pod-identity-agent" = null
  }
}

variable "volumes" {
  description = "Whether the driver of EBS volumes is one of the add-ons, with a role of its own."
  type        = bool
  default     = true
}

variable "autoscaler" {
  description = "Whether cluster-autoscaler gets a role, for whoever installs it."
  type        = bool
  default     = true
}

variable "workers" {
  description = "Pools of workers by name: managed node groups of EC2 instances."
  type = map(object({
    instances  = list(string)
    min        = number
    max        = number
    volume_gib = number
    spot       = bool
    labels     = map(string)
    taints     = list(object({ key = string, value = string, effect = string }))
  }))
}

variable "kms_key_arn" {
  description = "Key of volumes and of the envelope of Secrets; null for the account's own key of EBS, and EKS' own envelope."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds every role made here, where an account asks for one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of instances, volumes and network interfaces, which the provider's default tags do not reach."
  type        = map(string)
  default     = {}
}
