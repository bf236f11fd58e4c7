-- The record. A row is written once: the outcome of an intent is a second row that names the first.

CREATE TABLE audit_events (
    id           uuid PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text NOT NULL,
    actor_kind   text NOT NULL,
    actor_groups text[] NOT NULL,
    request_id   text NOT NULL,
    address      text,
    verb         text NOT NULL,
    object       text NOT NULL,
    environment  text,
    -- Unique: whoever follows an intent to its end, and however often, it ends once.
    outcome_of   uuid UNIQUE REFERENCES audit_events (id),
    outcome      text NOT NULL CHECK (outcome IN ('requested', 'succeeded', 'failed', 'refused', 'denied')),
    reason       text NOT NULL DEFAULT '',
    details      jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT audit_events_intent_or_outcome CHECK ((outcome = 'requested') = (outcome_of IS NULL))
);

CREATE INDEX audit_events_by_time ON audit_events (at DESC, id DESC);
CREATE INDEX audit_events_intents ON audit_events (at) WHERE outcome_of IS NULL;

-- Neither UPDATE nor DELETE nor TRUNCATE: the program cannot rewrite what it did.
GRANT SELECT, INSERT ON audit_events TO quarterdeck_program;
