"""The Spark side: programs, their stages and gates, pure transformations, and all Delta IO."""
