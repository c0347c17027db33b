"""Scenarios: what an experiment runs, read from files, written from parameters or from a topology."""
