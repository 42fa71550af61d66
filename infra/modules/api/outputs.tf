output "url" {
  description = "Where the API answers."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "id" {
  description = "The REST API's id."
  value       = aws_api_gateway_rest_api.this.id
}

output "function" {
  description = "The function's name."
  value       = aws_lambda_function.api.function_name
}
