"""What the installation says."""
