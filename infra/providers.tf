# Credentials, and for tests the emulators' addresses, come from the environment (AWS_ENDPOINT_URL and
# AWS_ENDPOINT_URL_<SERVICE>): no part of the configuration knows where it is applied.
provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}
