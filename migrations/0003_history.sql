-- What happened to Applications. Both histories are partitioned by month, so that retention drops tables instead of
-- deleting rows; the default partitions hold what is older or newer than the months at hand.

CREATE TABLE operations (
    uid           text NOT NULL,
    started_at    timestamptz NOT NULL,
    control_plane text NOT NULL,
    namespace     text NOT NULL,
    name          text NOT NULL,
    -- Set exactly when the phase is an end: Argo CD's own finishedAt is also set while it waits for a retry.
    finished_at   timestamptz,
    phase         text NOT NULL,
    message       text NOT NULL DEFAULT '',
    revision      text,
    started_by    text,
    automated     boolean NOT NULL DEFAULT false,
    -- Our intent, where the operation is ours: from operation.info.
    audit_id      uuid,
    -- Filled in from Argo CD's own history, for we were not there.
    backfilled    boolean NOT NULL DEFAULT false,
    -- The end was not seen; it is presumed, for a later operation of the same Application began.
    presumed      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (uid, started_at)
) PARTITION BY RANGE (started_at);

CREATE TABLE operations_default PARTITION OF operations DEFAULT;
CREATE INDEX operations_by_application ON operations (control_plane, namespace, name, started_at DESC);
CREATE INDEX operations_by_time ON operations (started_at DESC);
CREATE INDEX operations_running ON operations (uid) WHERE finished_at IS NULL;

CREATE TABLE transitions (
    at            timestamptz NOT NULL,
    uid           text NOT NULL,
    control_plane text NOT NULL,
    namespace     text NOT NULL,
    name          text NOT NULL,
    aspect        text NOT NULL CHECK (aspect IN ('health', 'sync')),
    before        text NOT NULL,
    after         text NOT NULL
) PARTITION BY RANGE (at);

CREATE TABLE transitions_default PARTITION OF transitions DEFAULT;
CREATE INDEX transitions_by_application ON transitions (control_plane, namespace, name, at DESC);

-- The last state seen of each Application: the row that a change is compared with and set in, so that it is made once.
CREATE TABLE application_states (
    uid           text PRIMARY KEY,
    control_plane text NOT NULL,
    namespace     text NOT NULL,
    name          text NOT NULL,
    health        text NOT NULL,
    sync          text NOT NULL,
    seen_at       timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON operations TO quarterdeck_program;
GRANT SELECT, INSERT ON transitions TO quarterdeck_program;
GRANT SELECT, INSERT, UPDATE, DELETE ON application_states TO quarterdeck_program;
