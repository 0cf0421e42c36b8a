-- What the column says of a stream that did not end well was not told.

COMMENT ON COLUMN ops.stream.stopped_at IS
    'When the holder ended, well or by its error; null while it runs, or was killed.';
