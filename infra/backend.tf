# Where the state is kept is said at `terraform init`: `-backend-config=environments/cloud.s3.tfbackend`. Without it the state is
# a file beside this one (ignored by git), as `make infra-sim` has it in a folder of its own.
terraform {
  backend "local" {}
}
