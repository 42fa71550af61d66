mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "000000000000", arn = "arn:aws:iam::000000000000:user/test" }
  }

  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b"] }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "idle" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name      = "ctc-test"
    streaming = false
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && length(aws_vpc_endpoint.gateway) == 2
    error_message = "While nothing streams there are the free endpoints only."
  }
}

run "streaming" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name      = "ctc-test"
    streaming = true
  }

  assert {
    condition     = contains(keys(aws_vpc_endpoint.interface), "kinesis-streams")
    error_message = "Spark's workers reach Kinesis by an endpoint."
  }
}

run "network_refused" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name      = "CTC"
    cidr      = "10.0.0.0/24"
    streaming = false
  }

  expect_failures = [var.name, var.cidr]
}

run "producer" {
  command = plan

  module {
    source = "./modules/producer"
  }

  variables {
    name               = "ctc-test-producer"
    region             = "us-east-1"
    image_tag          = "1.0.0"
    environment        = { CTC_PROFILE = "cloud" }
    streaming          = false
    vpc                = "vpc-1"
    subnet             = "subnet-1"
    task_role_arn      = "arn:aws:iam::000000000000:role/task"
    execution_role_arn = "arn:aws:iam::000000000000:role/start"
    kms_key_arn        = "arn:aws:kms:us-east-1:000000000000:key/1"
  }

  assert {
    condition     = aws_ecs_service.this.desired_count == 0 && aws_ecs_task_definition.this.runtime_platform[0].cpu_architecture == "ARM64"
    error_message = "No task while nothing streams; ARM64."
  }

  assert {
    condition     = keys(aws_vpc_security_group_egress_rule.tls) == ["443", "9443"]
    error_message = "Out by TLS to the exchanges and AWS, and in from nowhere."
  }
}

run "producer_refused" {
  command = plan

  module {
    source = "./modules/producer"
  }

  variables {
    name               = "ctc-test-producer"
    region             = "us-east-1"
    image_tag          = "latest"
    environment        = { BINANCE_API_KEY = "x" }
    streaming          = true
    cpu                = 4096
    vpc                = "vpc-1"
    subnet             = "subnet-1"
    task_role_arn      = "arn:aws:iam::000000000000:role/task"
    execution_role_arn = "arn:aws:iam::000000000000:role/start"
    kms_key_arn        = "arn:aws:kms:us-east-1:000000000000:key/1"
  }

  expect_failures = [var.image_tag, var.environment, var.cpu]
}
