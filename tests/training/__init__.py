"""Recipes, streams, and the loop that learns from them."""
