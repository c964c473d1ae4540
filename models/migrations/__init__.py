"""One file a change, each with its way back."""
