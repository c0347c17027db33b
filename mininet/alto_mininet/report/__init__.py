"""Measures of finished runs, and the tables, figures and page made from them."""
