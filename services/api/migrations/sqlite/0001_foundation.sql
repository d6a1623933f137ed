-- The record. The PostgreSQL form stands in ../postgres under the same name: change both.
-- Times are microseconds since 1970, UTC. Ids are the 16 bytes of a UUID.

CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    worker_kind TEXT NOT NULL,
    -- queued, published, or one of the ends: succeeded, failed, cancelled, dead
    state TEXT NOT NULL CHECK (state IN ('queued', 'published', 'succeeded', 'failed', 'cancelled', 'dead')),
    -- counts publications; raised before each, so that whatever an older one still brings is refused
    generation INTEGER NOT NULL DEFAULT 0,
    -- whether a worker has it, as far as the events have told
    is_running INTEGER NOT NULL DEFAULT FALSE,
    cancel_requested INTEGER NOT NULL DEFAULT FALSE,
    attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    -- how often an engine process died under it
    crashes INTEGER NOT NULL DEFAULT 0,
    -- what was asked for: 0 interactive, 1 normal, 2 batch
    priority INTEGER NOT NULL,
    -- what it counts as by now, after ageing
    rank INTEGER NOT NULL,
    -- -1 moved to the front, 0 in its fair turn, 1 moved to the back
    placed INTEGER NOT NULL DEFAULT 0,
    -- its place in line: the time it joined, or what a move gave it
    position INTEGER NOT NULL,
    -- not before this time (backoff)
    run_at INTEGER NOT NULL,
    -- since when it waits at this rank
    ranked_at INTEGER NOT NULL,
    owner TEXT NOT NULL,
    model TEXT NOT NULL,
    spec TEXT NOT NULL,
    -- the prompt in lower case, for the text filter
    search TEXT NOT NULL,
    traceparent TEXT,
    body_hash TEXT NOT NULL,
    result TEXT,
    failure TEXT,
    submitted_at INTEGER NOT NULL,
    published_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER
) STRICT;

CREATE INDEX jobs_by_time ON jobs (submitted_at, id);
CREATE INDEX jobs_by_state ON jobs (state, kind, submitted_at, id);
CREATE INDEX jobs_queued ON jobs (worker_kind, rank, owner, placed, position, id, run_at) WHERE state = 'queued';
-- When the next pause between attempts is over.
CREATE INDEX jobs_due ON jobs (run_at) WHERE state = 'queued';
CREATE INDEX jobs_published ON jobs (worker_kind, rank, owner, is_running, id) WHERE state = 'published';

-- An end is final. Only a person's retry begins a new life, under a higher generation.
CREATE TRIGGER jobs_end_once BEFORE UPDATE ON jobs
WHEN OLD.state IN ('succeeded', 'failed', 'cancelled', 'dead')
    AND NOT (NEW.state = 'queued' AND NEW.generation > OLD.generation AND OLD.state <> 'succeeded')
BEGIN
    SELECT RAISE(ABORT, 'a job that has ended does not change');
END;

CREATE TABLE attempts (
    job_id BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    number INTEGER NOT NULL,
    worker TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT,
    failure TEXT,
    PRIMARY KEY (job_id, generation, number, worker)
) STRICT, WITHOUT ROWID;

-- When each owner was last served, by kind of worker and rank: whoever has waited longest is next.
CREATE TABLE turns (
    worker_kind TEXT NOT NULL,
    rank INTEGER NOT NULL,
    owner TEXT NOT NULL,
    served_at INTEGER NOT NULL,
    PRIMARY KEY (worker_kind, rank, owner)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    job_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

CREATE TABLE assets (
    id BLOB NOT NULL PRIMARY KEY,
    blake3 TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    owner TEXT NOT NULL,
    job_id BLOB REFERENCES jobs (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX assets_by_time ON assets (created_at, id);
CREATE INDEX assets_by_blob ON assets (blake3);
CREATE INDEX assets_by_job ON assets (job_id);

-- Which assets an asset was made from, in order.
CREATE TABLE asset_parents (
    asset_id BLOB NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    parent_id BLOB NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (asset_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_children ON asset_parents (parent_id);

CREATE TABLE keys (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
