"""Everything that talks to AWS or its emulators: the only room with boto3 and pyiceberg in it."""
