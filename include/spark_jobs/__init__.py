"""The Spark side: entry points, pure transformations, and the lakehouse that does all IO."""
