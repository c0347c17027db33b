"""Measurements of the running network: the path of each route, the delay and the rate of each link."""
