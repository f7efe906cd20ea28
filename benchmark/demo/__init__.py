"""The embedded clips, and the script that draws them."""
