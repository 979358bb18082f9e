"""The running: what a person starts. Configuration and the command line, a file for each verb."""
