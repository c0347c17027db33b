"""The emulated network: a topology file, the plan made from it, and the running network."""
