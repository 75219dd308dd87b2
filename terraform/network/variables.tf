variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "region" {
  description = "Region of the cluster."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC: an IPv4 block of /16 to /21."
  type        = string

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 15)) && tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 21
    error_message = "The CIDR must be an IPv4 block of /16 to /21."
  }
}

variable "zones" {
  description = "Availability zones, one public and one private subnet in each. Their order decides their addresses: add at the end."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 1 && length(var.zones) <= 8 && length(distinct(var.zones)) == length(var.zones)
    error_message = "One to eight zones, each once."
  }
}

variable "nat" {
  description = "How private subnets reach the internet: per-zone (a zone may fail), single (cheaper), none (VPC endpoints and mirrors only)."
  type        = string

  validation {
    condition     = contains(["per-zone", "single", "none"], var.nat)
    error_message = "NAT is per-zone, single or none."
  }
}

variable "subnet_tags" {
  description = "Tags of every subnet, by which load balancer controllers find them."
  type        = map(string)
  default     = {}
}
