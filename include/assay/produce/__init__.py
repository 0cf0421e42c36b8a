"""Events made at a steady pace, for a stream to be tried on, and the truth about them."""
