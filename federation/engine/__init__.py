"""Drives the protocol through ports: hears, says, delivers, wakes up. Never sleeps or spawns."""
