# What costs by the hour, in dollars (us-east-1, 2026-11; docs/CLOUD.md): at most $5 an hour while streaming, $1 a day while not.
package ctc.cost

import data.ctc.plan
import rego.v1

active_cap := 5

idle_cap := 1 / 24

# A plan has the value as it was given: text where that was by `-var`.
streaming if input.variables.streaming.value in {true, "true"}

cap := active_cap if streaming

cap := idle_cap if not streaming

hourly contains {"address": resource.address, "dollars": dollars} if {
	some resource in plan.resources
	dollars := price(resource)
}

price(resource) := 0.04 if {
	resource.type == "aws_kinesis_stream"
	some mode in resource.after.stream_mode_details
	mode.stream_mode == "ON_DEMAND"
}

price(resource) := 0.015 * resource.after.shard_count if {
	resource.type == "aws_kinesis_stream"
	some mode in resource.after.stream_mode_details
	mode.stream_mode == "PROVISIONED"
}

price(resource) := 0.01 * count(object.get(resource.after, "subnet_ids", ["one"])) if {
	resource.type == "aws_vpc_endpoint"
	resource.after.vpc_endpoint_type == "Interface"
}

price(resource) := 0.01 if {
	resource.type == "aws_vpc_endpoint"
	resource.after.vpc_endpoint_type == "Interface"
	not "subnet_ids" in object.keys(resource.after)
}

# Fargate, ARM64; with the task's public address.
price(resource) := (resource.after.desired_count * ((0.25 * 0.03238) + 0.00356)) + (resource.after.desired_count * 0.005) if resource.type == "aws_ecs_service"

# All that EMR Serverless may use at once while streaming; nothing runs while not.
price(resource) := (cpu * 0.052624) + (memory * 0.0057785) if {
	resource.type == "aws_emrserverless_application"
	streaming
	some most in resource.after.maximum_capacity
	cpu := to_number(split(most.cpu, " ")[0])
	memory := to_number(split(most.memory, " ")[0])
}

price(resource) := 0.02 if {
	resource.type == "aws_api_gateway_stage"
	resource.after.cache_cluster_enabled == true
}

price(resource) := 0.045 if resource.type == "aws_nat_gateway"

price(resource) := 1 / 720 if resource.type == "aws_kms_key"

price(resource) := 0.1 / 720 if resource.type == "aws_cloudwatch_metric_alarm"

total := sum([each.dollars | some each in hourly])

deny contains message if {
	total > cap
	message := sprintf("%v dollars an hour, %v at most", [total, cap])
}

# Without caps of their own these have none at all.
deny contains message if {
	some resource in plan.resources
	resource.type == "aws_emrserverless_application"
	count(object.get(resource.after, "maximum_capacity", [])) == 0
	message := sprintf("%s: no maximum_capacity", [resource.address])
}

deny contains message if {
	some resource in plan.resources
	resource.type == "aws_dynamodb_table"
	resource.after.billing_mode != "PAY_PER_REQUEST"
	message := sprintf("%s: capacity that is paid for while nobody uses it", [resource.address])
}

deny contains message if {
	some resource in plan.resources
	resource.type == "aws_athena_workgroup"
	some configuration in resource.after.configuration
	object.get(configuration, "bytes_scanned_cutoff_per_query", null) == null
	message := sprintf("%s: a query may read without a limit", [resource.address])
}

# An alarm on charges there must be; which one stops what streams is the module's.
deny contains "no alarm on the month's charges" if {
	count([1 | some resource in plan.resources; resource.type == "aws_cloudwatch_metric_alarm"; resource.after.metric_name == "EstimatedCharges"]) == 0
	count(plan.resources) > 20
}
