"""Virus scanning: the seam to scanners, clamd, and the workers that ask it."""
