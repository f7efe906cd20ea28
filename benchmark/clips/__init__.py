"""Clips read: pictures, sound and loudness out of files that may be anything."""
