"""Scenario files: YAML to a validated Plan. Nothing here runs anything."""
