-- Which assets a job takes, in the order of its spec. What the job makes descends from them.
CREATE TABLE job_inputs (
    job_id UUID NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    asset_id UUID NOT NULL,
    PRIMARY KEY (job_id, place)
);
CREATE INDEX job_inputs_by_asset ON job_inputs (asset_id);
