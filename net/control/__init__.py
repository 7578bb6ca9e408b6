"""The control API: what an operator asks of a running node, over a unix socket."""
