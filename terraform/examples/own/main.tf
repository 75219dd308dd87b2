# The least that a module of one's own needs: here a VPC for a cluster that others look after.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "region" {
  description = "Region of the cluster."
  type        = string
}

variable "endpoint" {
  description = "URL of the Kubernetes API."
  type        = string
}

variable "kubeconfig_arn" {
  description = "ARN of the secret that holds a kubeconfig."
  type        = string
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11:An example.
  cidr_block           = "10.40.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Nothing in, nothing out for whatever has no security group.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "nodes" {
  vpc_id            = aws_vpc.this.id
  availability_zone = "${var.region}a"
  cidr_block        = "10.40.0.0/20"

  tags = { Name = var.name }
}

output "outboard" {
  description = "What outboard has to know of the cluster."
  value = {
    api_version = "outboard.dev/v1alpha1"
    endpoint    = var.endpoint
    region      = var.region
    vpc_id      = aws_vpc.this.id
    subnet_ids  = [aws_subnet.nodes.id]
    auth = {
      kind = "secret"
      arn  = var.kubeconfig_arn
    }
    load_balancer = null
  }
}
