"""An evaluation as one HTML file that opens without a network and without scripts."""
