"""Environments and their runtimes: ways to run apps on this node."""
