"""What spark-submit and the host of clients start: each file is a program of its own."""
