"""The HTTP interface: strategies in, executions and states out, and what an operator's tools ask of a service."""
