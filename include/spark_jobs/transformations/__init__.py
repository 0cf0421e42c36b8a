"""Pure functions, frame in and frame out: no IO, no clock, no environment."""
