"""Reads clips: pictures, sound and loudness from files that may have any content."""
