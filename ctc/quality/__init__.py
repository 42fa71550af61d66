"""What is kept of a symbol's log, what is dropped, and why."""
