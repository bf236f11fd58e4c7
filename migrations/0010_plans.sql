-- Plans that somebody asked for, by the hash of what they read and would write; and queries of the matrix that people keep.

CREATE TABLE plans (
    hash     text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    -- What was asked for: asked again, it tells whether the plan still holds.
    ask      jsonb NOT NULL,
    -- The plan, and what its Applications would become.
    plan     jsonb NOT NULL,
    touched  jsonb NOT NULL,
    rendered jsonb NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX plans_by_time ON plans (asked_at);

CREATE TABLE saved_views (
    -- Whose: the kind of actor, and what policies call them.
    kind     text NOT NULL,
    subject  text NOT NULL,
    name     text NOT NULL,
    query    jsonb NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, subject, name)
);

GRANT SELECT, INSERT, DELETE ON plans TO quarterdeck_program;
GRANT SELECT, INSERT, UPDATE, DELETE ON saved_views TO quarterdeck_program;
