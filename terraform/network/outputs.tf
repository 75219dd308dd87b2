output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Private subnets by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "public_subnet_ids" {
  description = "Public subnets by zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "nat_addresses" {
  description = "Public addresses of the NAT gateways by zone."
  value       = { for zone, address in aws_eip.nat : zone => address.public_ip }
}

output "egress" {
  description = "Known once nodes can reach the internet; what needs that waits for it."
  value       = [for route in aws_route.private_nat : route.id]
}
