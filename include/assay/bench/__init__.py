"""`make bench`: what the product costs, as ratios between things measured in the same run."""
