# The websocket producer needs a place that stays: one small Fargate task, in a public subnet since a NAT gateway would cost more
# than it does. Nothing may connect to it.
resource "aws_ecr_repository" "this" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_destroy

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${var.name}"
  retention_in_days = 365
  kms_key_id        = var.kms_key_arn
}

resource "aws_security_group" "this" {
  name        = var.name
  description = "The producer: out by TLS, in from nowhere"
  vpc_id      = var.vpc
}

resource "aws_vpc_security_group_egress_rule" "tls" {
  for_each = toset(["443", "9443"]) # 9443: Binance's sockets

  security_group_id = aws_security_group.this.id
  description       = "Exchanges and AWS by TLS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = var.execution_role_arn
  task_role_arn            = var.task_role_arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64"
  }

  # The spool lives here: a task that is moved loses it, and heals from the exchanges' history instead (ADR 9, 10).
  ephemeral_storage {
    size_in_gib = 21
  }

  volume {
    name = "state"
  }

  container_definitions = jsonencode([{
    name        = "producer"
    image       = "${aws_ecr_repository.this.repository_url}:${var.image_tag}"
    essential   = true
    stopTimeout = 60
    environment = [for key, value in merge(var.environment, { CTC_STATE = "/state" }) : { name = key, value = value }]

    readonlyRootFilesystem = true
    mountPoints            = [{ sourceVolume = "state", containerPath = "/state", readOnly = false }]
    portMappings           = []
    systemControls         = []
    volumesFrom            = []

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.region
        awslogs-stream-prefix = "producer"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                               = "producer"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.streaming ? 1 : 0
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 100 # the new one reads before the old one goes: what both send counts once
  deployment_maximum_percent         = 200

  network_configuration {
    subnets          = [var.subnet]
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = true
  }
}
