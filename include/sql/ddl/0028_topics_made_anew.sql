-- A topic that was deleted and made anew has the same name, and offsets that mean other records.

ALTER TABLE ops.stream ADD COLUMN topic_ids jsonb CHECK (jsonb_typeof(topic_ids) = 'object');
COMMENT ON COLUMN ops.stream.topic_ids IS
    'The id that Kafka gave each topic when it was made, by topic; by it the stream notices one that was made anew under the same name.';
