-- Events of ended streams go after a time. Streams are found by their first event's age: one entry for
-- each stream whose events are kept, and none for all others.
CREATE INDEX ix_stream_events_first ON stream_events (created_at) WHERE number = 1;
