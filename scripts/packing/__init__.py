"""What `make package` does: the things that the cloud takes, made so that the same input gives the same bytes."""
