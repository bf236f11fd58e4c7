-- Who is signed in. The role quarterdeck_program exists before any migration runs.

CREATE TABLE local_admin (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sessions (
    -- The SHA-256 of the token; the token itself is nowhere but in the browser.
    token_hash   bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    actor        text NOT NULL,
    address      text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);

CREATE INDEX sessions_by_actor ON sessions (actor);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

GRANT SELECT, INSERT, UPDATE ON local_admin TO quarterdeck_program;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO quarterdeck_program;
