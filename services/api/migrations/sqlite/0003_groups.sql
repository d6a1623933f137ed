-- Many jobs as one: the cells of a grid, and the contact sheet at its end.
CREATE TABLE job_groups (
    id BLOB NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    title TEXT,
    -- what all cells have in common
    base TEXT NOT NULL,
    -- what differs, with all values and labels
    axes TEXT NOT NULL,
    priority INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    wants_sheet INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT FALSE,
    body_hash TEXT NOT NULL,
    -- the cell of another group that it explores
    parent_id BLOB,
    parent_cell INTEGER,
    created_at INTEGER NOT NULL,
    -- when all cells had ended; the sheet, if there is one, is inserted in the same transaction
    ended_at INTEGER,
    sheet_job_id BLOB
) STRICT;
CREATE INDEX job_groups_by_time ON job_groups (created_at, id);
CREATE INDEX job_groups_open ON job_groups (id) WHERE ended_at IS NULL;

ALTER TABLE jobs ADD COLUMN group_id BLOB REFERENCES job_groups (id) ON DELETE SET NULL;
-- its place in the grid; none of a contact sheet
ALTER TABLE jobs ADD COLUMN cell INTEGER;
CREATE UNIQUE INDEX jobs_by_group ON jobs (group_id, cell) WHERE group_id IS NOT NULL;
-- Whether a group still has an open cell.
CREATE INDEX jobs_open_cells ON jobs (group_id) WHERE cell IS NOT NULL AND state IN ('queued', 'published');
