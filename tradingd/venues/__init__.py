"""Servers that speak the venues' real protocols, to demonstrate on and to test against."""
