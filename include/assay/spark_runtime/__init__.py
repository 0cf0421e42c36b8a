"""How a Spark job is launched, wherever Spark is: JARs, Java, settings, server and lock."""
