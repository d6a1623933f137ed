-- What jobs have cost, for the estimates of the next ones: one row for each model, device, way to save memory, and size of work.
CREATE TABLE costs (
    model TEXT NOT NULL,
    device TEXT NOT NULL,
    -- what was done to save memory, joined by +; empty for nothing
    steps TEXT NOT NULL,
    -- pictures that are nearly as large share a number: twice the binary logarithm of their pixels, rounded up
    size_class BIGINT NOT NULL,
    pictures BIGINT NOT NULL,
    -- of the largest picture of the class so far
    pixels BIGINT NOT NULL,
    -- the most that was ever measured
    peak_mib BIGINT,
    -- microseconds; newer jobs count as much as all older ones together
    loading_us BIGINT,
    encoding_us BIGINT,
    step_us_per_megapixel BIGINT,
    decoding_us_per_megapixel BIGINT,
    storing_us_per_picture BIGINT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (model, device, steps, size_class, pictures)
);
CREATE INDEX costs_by_time ON costs (model, updated_at);
