variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.name))
    error_message = "A name is 1 to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "id" {
  description = "Name with a suffix that no other cluster has; names that are unique in an account are made of it."
  type        = string

  validation {
    condition     = length(var.id) <= 28
    error_message = "Names of load balancers end after 32 characters."
  }
}

variable "region" {
  description = "Region of the cluster."
  type        = string
}

variable "kubernetes_version" {
  description = "Version of Kubernetes that nodes install, such as 1.34.2."
  type        = string
}

variable "network" {
  description = "Addresses, zones and NAT (see ../network)."
  type = object({
    cidr         = string
    zones        = list(string)
    nat          = string
    pod_cidr     = string
    service_cidr = string
  })
}

variable "api" {
  description = "How the API is reached. `host` is its only name in certificates and kubeconfigs; `zone_id` is the hosted zone of that name, null for a private one that is made here. `allow` are the CIDRs that may reach it besides its nodes."
  type = object({
    public    = bool
    allow     = list(string)
    host      = string
    zone_name = string
    zone_id   = optional(string)
  })

  validation {
    condition     = !var.api.public || length(var.api.allow) > 0
    error_message = "A public API needs the CIDRs that may reach it."
  }
  validation {
    condition     = !contains(var.api.allow, "0.0.0.0/0") && !contains(var.api.allow, "::/0")
    error_message = "The API is not opened to everybody: name the CIDRs that may reach it."
  }
}

variable "image" {
  description = "AMI of every node: a Debian or Ubuntu with cloud-init, curl, openssl and the AWS CLI. One id, not a search: a node made next year is as one made today."
  type        = string
}

variable "control_plane" {
  description = "Control plane: one node in each of the first `nodes` zones (1 or 3)."
  type = object({
    nodes       = number
    instance    = string
    volume_gib  = number
    volume_iops = optional(number, 3000)
  })

  validation {
    condition     = contains([1, 3, 5], var.control_plane.nodes) && var.control_plane.nodes <= length(var.network.zones)
    error_message = "A control plane has 1, 3 or 5 nodes, each in a zone of its own."
  }
}

variable "workers" {
  description = "Pools of workers by name. With `spot`, all but `on_demand` of a pool's nodes are spot instances."
  type = map(object({
    instances  = list(string)
    min        = number
    max        = number
    volume_gib = number
    spot       = bool
    on_demand  = number
    labels     = map(string)
    taints     = list(object({ key = string, value = string, effect = string }))
  }))
}

variable "bucket" {
  description = "Bucket and prefix that hold what nodes boot from, the election of the first one, and snapshots of etcd."
  type        = object({ name = string, prefix = string })
}

variable "kms_key_arn" {
  description = "Key of volumes and parameters; null for the account's own keys of EBS and SSM."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds every role made here, where an account asks for one."
  type        = string
  default     = null
}
