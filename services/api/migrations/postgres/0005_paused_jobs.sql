-- Whether somebody keeps this one job from the workers, while it waits.
ALTER TABLE jobs ADD COLUMN paused BOOLEAN NOT NULL DEFAULT FALSE;

-- Whoever walks along a line passes over paused jobs without reading their rows.
DROP INDEX jobs_queued;
CREATE INDEX jobs_queued ON jobs (worker_kind, rank, owner, placed, position, id, run_at, paused) WHERE state = 'queued';
