-- The SQLite form, with what each column means, stands in ../sqlite under the same name: change both.
CREATE TABLE asset_tags (
    asset_id UUID NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    facet TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('picture', 'prompt', 'person')),
    model TEXT,
    confidence BIGINT CHECK (confidence BETWEEN 0 AND 1000),
    tagged_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (asset_id, tag)
);
CREATE INDEX assets_by_tag ON asset_tags (tag, created_at, asset_id);

CREATE TABLE taggings (
    asset_id UUID NOT NULL PRIMARY KEY REFERENCES assets (id) ON DELETE CASCADE,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'tagged', 'set_aside')),
    created_at BIGINT NOT NULL,
    needs_vision BOOLEAN NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    try_at BIGINT NOT NULL DEFAULT 0,
    reason TEXT
);
CREATE INDEX taggings_waiting ON taggings (created_at, asset_id) WHERE state = 'waiting';
CREATE INDEX taggings_of_prompts ON taggings (created_at, asset_id) WHERE state = 'waiting' AND NOT needs_vision;
CREATE INDEX taggings_set_aside ON taggings (asset_id) WHERE state = 'set_aside';

-- Who tags now: one picture at a time, however many instances there are. Always one row.
CREATE TABLE tagging_turn (
    place BIGINT NOT NULL PRIMARY KEY CHECK (place = 1),
    holder TEXT NOT NULL,
    until_us BIGINT NOT NULL
);
INSERT INTO tagging_turn (place, holder, until_us) VALUES (1, '', 0);

INSERT INTO taggings (asset_id, created_at, needs_vision)
SELECT assets.id, assets.created_at, jobs.search = '' FROM assets JOIN jobs ON jobs.id = assets.job_id
WHERE jobs.kind <> 'contact_sheet' AND assets.media_type LIKE 'image/%';
