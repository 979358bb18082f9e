"""Instrument lists: what brokers and exchanges publish, read and checked, kept by day, compared with the day before."""
