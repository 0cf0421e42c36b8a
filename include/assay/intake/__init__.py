"""What comes in: files taken, inspected, judged, planned, archived, and given back."""
