"""Scenario files, expectations, metrics, reports and traces."""
