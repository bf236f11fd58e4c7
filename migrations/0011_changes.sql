-- Changes: plans that were clicked, and what became of them; and what people put in their way. Git is the truth about
-- commits: what stands here is intent, and is compared with Git after every crash.

CREATE TABLE changes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Stands in the commit: by it the commit is found again. Nobody knows it before the push.
    token         uuid NOT NULL UNIQUE,
    kind          text NOT NULL CHECK (kind IN ('promote', 'rollback', 'introduce')),
    -- planned, pull_request_open and merged are for what is to come; no change enters them yet.
    state         text NOT NULL CHECK (state IN ('planned', 'awaiting_approval', 'waiting', 'queued', 'committing', 'pushed',
                      'pull_request_open', 'merged', 'rolling_out', 'needs_attention', 'healthy', 'soaking', 'done',
                      'failed', 'cancelled', 'superseded', 'rolled_back')),
    -- Counts the steps. Each step names the version that it follows, so that of two that follow the same one, one counts.
    version       bigint NOT NULL DEFAULT 1,
    why           text NOT NULL DEFAULT '',
    -- How many of the six steps that people see are behind it.
    steps         smallint NOT NULL DEFAULT 1,

    title         text NOT NULL,
    plan_hash     text NOT NULL,
    ask           jsonb NOT NULL,
    plan          jsonb NOT NULL,
    touched       jsonb NOT NULL,
    -- What makes a person look twice, in sentences.
    findings      jsonb NOT NULL,
    source        text NOT NULL,
    environment   text NOT NULL,

    -- The branch that is written to: `repository` and `revision` name it as Applications follow it.
    repository    text NOT NULL,
    revision      text NOT NULL,
    -- Whose credentials open the repository.
    reader        jsonb NOT NULL,
    -- The commit that the plan was made on: our own is looked for from there on.
    base          text NOT NULL,
    commit        text,
    message       text,

    actor         jsonb NOT NULL,
    actor_name    text NOT NULL,
    reason        text NOT NULL,
    quorum        integer NOT NULL,
    soak_seconds  integer NOT NULL,
    hold_for      text NOT NULL,
    undoes        bigint REFERENCES changes (id),
    -- What took its place, or took it back.
    by_change     bigint REFERENCES changes (id),
    -- As the gates stood when it was committed.
    gates         jsonb,
    tries         integer NOT NULL DEFAULT 0,
    -- When its last push began; none once the remote said that it did not take it.
    push_began_at timestamptz,

    asked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    since         timestamptz NOT NULL DEFAULT clock_timestamp(),
    pushed_at     timestamptz,
    healthy_at    timestamptz,
    ended_at      timestamptz
);

CREATE INDEX changes_by_time ON changes (asked_at DESC, id DESC);
CREATE INDEX changes_by_plan ON changes (plan_hash);
CREATE INDEX changes_by_commit ON changes (commit);
CREATE INDEX changes_open ON changes (repository, revision, id) WHERE ended_at IS NULL;

-- The apps of a change: the rows of its plan that move.
CREATE TABLE change_apps (
    change        bigint NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    position      integer NOT NULL,
    -- The app as the fleet knows it, whatever it is called.
    app_key       text NOT NULL,
    base_path     text NOT NULL,
    name          text NOT NULL,
    slug          text NOT NULL,
    -- By which policies know it.
    app           text NOT NULL,
    project       text NOT NULL,
    before        text,
    after         text,
    -- What the environment holds once the change is written: by it the change is known to last.
    expected      jsonb NOT NULL,
    -- App, environments, values and what stood there before: the same asked for twice has one key.
    key           text NOT NULL,
    is_active     boolean NOT NULL DEFAULT true,
    by_change     bigint REFERENCES changes (id),
    PRIMARY KEY (change, position)
);

CREATE UNIQUE INDEX change_apps_once ON change_apps (key) WHERE is_active;
CREATE INDEX change_apps_by_app ON change_apps (app_key, change);

-- The Applications of a change, and how far each is.
CREATE TABLE change_applications (
    change        bigint NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    position      integer NOT NULL,
    control_plane text NOT NULL,
    namespace     text NOT NULL,
    name          text NOT NULL,
    cluster       text NOT NULL,
    -- The project of the Application: those of one app may be in several.
    project       text NOT NULL,
    -- Not there when the change was asked for: only how it would be called.
    is_guess      boolean NOT NULL DEFAULT false,
    stage         text NOT NULL DEFAULT 'committed'
                      CHECK (stage IN ('committed', 'seen', 'syncing', 'synced', 'healthy', 'soaked')),
    why           text NOT NULL DEFAULT '',
    since         timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When we asked Argo CD last to compare it with Git.
    refreshed_at  timestamptz,
    -- The record's id of the sync that we asked for, where auto-sync is off.
    sync          uuid,
    healthy_at    timestamptz,
    PRIMARY KEY (change, control_plane, namespace, name)
);

-- What is written: applied again to each new head, until one is pushed.
CREATE TABLE change_files (
    change        bigint NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    path          text NOT NULL,
    -- The blob that stood there; none where there was no file.
    before        text,
    -- None where the file goes.
    after         bytea,
    executable    boolean NOT NULL,
    PRIMARY KEY (change, path)
);

-- What happened to a change, in sentences.
CREATE TABLE change_steps (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change        bigint NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    state         text NOT NULL,
    who           text NOT NULL DEFAULT '',
    text          text NOT NULL
);

CREATE INDEX change_steps_by_change ON change_steps (change, id);

CREATE TABLE approvals (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change        bigint NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    -- What the approver saw: an approval of another plan is none.
    plan_hash     text NOT NULL,
    actor         jsonb NOT NULL,
    name          text NOT NULL,
    subject       text NOT NULL,
    verdict       text NOT NULL CHECK (verdict IN ('approve', 'decline')),
    comment       text NOT NULL,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL,
    -- Why it does not count any more.
    void          text
);

-- One person has one word on a plan.
CREATE UNIQUE INDEX approvals_once ON approvals (change, subject) WHERE void IS NULL;
CREATE INDEX approvals_by_person ON approvals (subject, at DESC);

-- When people looked at a change last.
CREATE TABLE looks (
    kind          text NOT NULL,
    subject       text NOT NULL,
    change        bigint NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, subject, change)
);

CREATE TABLE holds (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_key       text NOT NULL,
    name          text NOT NULL,
    slug          text NOT NULL,
    app           text NOT NULL,
    project       text NOT NULL,
    control_plane text NOT NULL,
    environment   text NOT NULL,
    version       text,
    reason        text NOT NULL,
    owner         text NOT NULL,
    placed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz,
    change        bigint REFERENCES changes (id),
    -- The branch, and what is held there: a commit that changes it goes against the hold.
    repository    text NOT NULL,
    revision      text NOT NULL,
    expected      jsonb NOT NULL DEFAULT '[]',
    broken_by     jsonb,
    released_at   timestamptz,
    released_by   text
);

CREATE INDEX holds_active ON holds (app_key, environment) WHERE released_at IS NULL;

CREATE TABLE freezes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment   text,
    project       text,
    reason        text NOT NULL,
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    from_at       timestamptz,
    until_at      timestamptz,
    schedule      text,
    seconds       integer CHECK (seconds > 0),
    zone          text NOT NULL,
    ended_at      timestamptz,
    ended_by      text,
    CONSTRAINT freezes_once_or_repeating CHECK (
        (schedule IS NULL AND seconds IS NULL AND from_at < until_at)
        OR (schedule IS NOT NULL AND seconds IS NOT NULL AND from_at IS NULL AND until_at IS NULL))
);

-- Moves with each write to what pages of changes show: whoever watches it knows when to read again. Not part of the
-- transaction, so that nobody waits for anybody.
CREATE SEQUENCE change_moves;

CREATE FUNCTION change_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM nextval('change_moves');
    RETURN NULL;
END $$;

CREATE TRIGGER changes_moved AFTER INSERT OR UPDATE ON changes FOR EACH STATEMENT EXECUTE FUNCTION change_moved();
CREATE TRIGGER change_applications_moved AFTER UPDATE ON change_applications
    FOR EACH STATEMENT EXECUTE FUNCTION change_moved();
CREATE TRIGGER approvals_moved AFTER INSERT OR UPDATE ON approvals FOR EACH STATEMENT EXECUTE FUNCTION change_moved();
CREATE TRIGGER holds_moved AFTER INSERT OR UPDATE ON holds FOR EACH STATEMENT EXECUTE FUNCTION change_moved();
CREATE TRIGGER freezes_moved AFTER INSERT OR UPDATE ON freezes FOR EACH STATEMENT EXECUTE FUNCTION change_moved();

-- Nothing of these is deleted: what happened stays.
GRANT SELECT, INSERT, UPDATE ON changes, change_apps, change_applications, approvals, looks, holds, freezes
    TO quarterdeck_program;
GRANT SELECT, INSERT, DELETE ON change_files TO quarterdeck_program;
GRANT SELECT, INSERT ON change_steps TO quarterdeck_program;
-- A plan that is computed again keeps its hash, and may be rendered where it could not be before.
GRANT UPDATE (touched, rendered) ON plans TO quarterdeck_program;
GRANT SELECT ON change_moves TO quarterdeck_program;
