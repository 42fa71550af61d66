"""A deployment on AWS seen from outside: made, started, stopped, looked at, and checked before it is shown to people."""
