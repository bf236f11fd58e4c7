-- Who signs in by a provider, their sessions as they see them, API tokens, and failures that outlive a restart.

ALTER TABLE sessions
    -- The public id: in lists and in the record. The token's hash stays out of both.
    ADD COLUMN id       uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN kind     text NOT NULL DEFAULT 'local_admin' CHECK (kind IN ('local_admin', 'person')),
    ADD COLUMN provider text NOT NULL DEFAULT '',
    ADD COLUMN subject  text NOT NULL DEFAULT 'admin',
    ADD COLUMN groups   text[] NOT NULL DEFAULT '{}',
    ADD COLUMN browser  text NOT NULL DEFAULT '';

ALTER TABLE sessions ALTER COLUMN kind DROP DEFAULT, ALTER COLUMN subject DROP DEFAULT;

CREATE INDEX sessions_by_person ON sessions (kind, provider, subject);

-- Everybody who ever signed in by a provider, as their last sign-in told. Tokens take their owner's groups from here.
CREATE TABLE people (
    provider     text NOT NULL,
    subject      text NOT NULL,
    name         text NOT NULL,
    groups       text[] NOT NULL,
    signed_in_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, subject)
);

CREATE TABLE api_tokens (
    id           uuid PRIMARY KEY,
    token_hash   bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    name         text NOT NULL,
    provider     text NOT NULL,
    subject      text NOT NULL,
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    last_address text,
    revoked_at   timestamptz,
    FOREIGN KEY (provider, subject) REFERENCES people
);

CREATE INDEX api_tokens_by_owner ON api_tokens (provider, subject);

-- Attempts to sign in by password, by address and by name. A minute later they are forgotten; a restart forgets none.
CREATE TABLE sign_in_attempts (
    key      text PRIMARY KEY,
    began_at timestamptz NOT NULL,
    count    integer NOT NULL
);

CREATE INDEX sign_in_attempts_by_time ON sign_in_attempts (began_at);

GRANT SELECT, INSERT, UPDATE ON people TO quarterdeck_program;
GRANT SELECT, INSERT, UPDATE ON api_tokens TO quarterdeck_program;
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO quarterdeck_program;

-- Sign-ins that went to a provider and have not come back. A row is taken out by the first who comes back with its state.
CREATE TABLE provider_attempts (
    state_hash    bytea PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    -- Of a secret in the browser that began: the answer counts in that one alone.
    browser_hash  bytea NOT NULL CHECK (octet_length(browser_hash) = 32),
    provider      text NOT NULL,
    nonce         text NOT NULL,
    pkce_verifier text NOT NULL,
    return_to     text NOT NULL,
    expires_at    timestamptz NOT NULL
);

CREATE INDEX provider_attempts_by_expiry ON provider_attempts (expires_at);

GRANT SELECT, INSERT, DELETE ON provider_attempts TO quarterdeck_program;
