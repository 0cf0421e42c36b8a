"""What happens to a batch, as typed events: one `emit`, and sinks for people and for programs."""
