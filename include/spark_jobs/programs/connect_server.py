"""Serves all clients of a stack from one session, until its JVM or its server ends.

Spark's own program for this gives each session a class loader of its own, and with it a compiled
copy of all code that Spark generates: each batch would compile what the batch before has compiled.
Spark reads that setting before a session can change it, and its program overrules what was said at
the start (`assay.spark_runtime.server`). A plugin of Spark's serves clients from any session.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from assay.home.processes import die_with_parent


def main() -> None:
    """Open the session, by which the plugin begins to serve, and wait for the server's end."""
    die_with_parent()
    context = SparkSession.builder.getOrCreate().sparkContext
    # An object of Scala's, which Python has no other name for.
    services: Any = context._jvm.org.apache.spark.sql.connect.service  # type: ignore[union-attr]
    getattr(getattr(services, "SparkConnectService$"), "MODULE$").server().awaitTermination()


if __name__ == "__main__":
    main()
