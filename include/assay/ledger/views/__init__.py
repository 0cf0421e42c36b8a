"""What people read of the books, each in one query, with the rights of the reader role."""
