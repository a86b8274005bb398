"""Recipes that ship with the package: sets in the likeness of published ones."""
