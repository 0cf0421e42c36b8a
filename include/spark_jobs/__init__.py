"""The Spark side: stages, pure transformations, and the lakehouse that does all IO."""
