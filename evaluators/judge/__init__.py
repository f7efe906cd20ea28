"""An answer cut into steps, and each step rated."""
