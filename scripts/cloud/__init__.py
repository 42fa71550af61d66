"""What `make infra-test` and `make infra-sim` do."""
