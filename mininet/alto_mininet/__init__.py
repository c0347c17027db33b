"""An ALTO topology as a network in Mininet, and experiments that compare peer-selection policies in it."""
