"""The runs of an experiment: the programs of one run, all runs of a campaign, and the command line."""
