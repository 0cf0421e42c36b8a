"""A Spark job that opens a session and does nothing."""

from __future__ import annotations

from pyspark.sql import SparkSession

if __name__ == "__main__":
    SparkSession.builder.appName("empty-job").getOrCreate().stop()
