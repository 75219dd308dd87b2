# A VPC with one public and one private subnet in each zone. Nodes live in the private ones; the public ones hold
# nothing but NAT gateways and load balancers.

locals {
  # Sixteen equal blocks: the first eight private, the last eight public. A zone keeps its block when others are added.
  private = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 4, index) }
  public  = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 4, index + 8) }

  # Zones that have a NAT gateway, and which of them each zone goes through.
  nat_zones = { "per-zone" = var.zones, "single" = slice(var.zones, 0, 1), "none" = [] }[var.nat]
  nat_of    = var.nat == "none" ? {} : { for zone in var.zones : zone => var.nat == "single" ? var.zones[0] : zone }
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11:Flow logs cost more than the network they watch; an account turns them on where it wants them.
  cidr_block = var.cidr
  # Nodes are known by their private DNS names, and endpoints are found by theirs.
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# What nobody gave a security group gets this one: it lets nothing in and nothing out.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-closed" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_subnet" "private" {
  for_each = local.private

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = merge(var.subnet_tags, {
    Name                              = "${var.name}-private-${each.key}"
    "kubernetes.io/role/internal-elb" = "1"
  })
}

resource "aws_subnet" "public" {
  for_each = local.public

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  # Nothing in it gets a public address by itself.
  map_public_ip_on_launch = false

  tags = merge(var.subnet_tags, {
    Name                     = "${var.name}-public-${each.key}"
    "kubernetes.io/role/elb" = "1"
  })
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "public_internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  # By names that are known before anything is there: else nothing could be imported.
  for_each = local.public

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}

resource "aws_eip" "nat" {
  for_each = toset(local.nat_zones)

  domain = "vpc"

  tags = { Name = "${var.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = toset(local.nat_zones)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}-${each.key}" }

  # Without a way out it would be made and not work.
  depends_on = [aws_route.public_internet]
}

# One table a zone, also with a single NAT gateway: changing `nat` then changes routes and nothing else.
resource "aws_route_table" "private" {
  for_each = toset(var.zones)

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route" "private_nat" {
  for_each = local.nat_of

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.value].id
}

resource "aws_route_table_association" "private" {
  for_each = local.private

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# Free, and nodes fetch their boot scripts and images' layers through it instead of through NAT.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]

  tags = { Name = "${var.name}-s3" }
}
