-- The gateway promises nothing of a topic that was made anew, since no stream reads it.

GRANT SELECT (topic_ids) ON ops.stream TO assay_gateway;
