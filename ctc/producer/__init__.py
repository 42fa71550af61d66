"""Exchange frames in, packed trades and heartbeats in the stream out: at least once, in order per symbol."""
