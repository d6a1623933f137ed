-- What pictures show, in words.
CREATE TABLE asset_tags (
    asset_id BLOB NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    -- in lower case, with single spaces
    tag TEXT NOT NULL,
    -- subject, style, mood
    facet TEXT NOT NULL,
    -- who says so: a model that looked at the picture, one that read the prompt, or a person
    source TEXT NOT NULL CHECK (source IN ('picture', 'prompt', 'person')),
    -- which model
    model TEXT,
    -- how sure it says it is, in thousandths
    confidence INTEGER CHECK (confidence BETWEEN 0 AND 1000),
    tagged_at INTEGER NOT NULL,
    -- when the picture was made, so that the pictures of a tag are one walk down an index
    created_at INTEGER NOT NULL,
    PRIMARY KEY (asset_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX assets_by_tag ON asset_tags (tag, created_at, asset_id);

-- How far the tagging of each picture is that a job made.
CREATE TABLE taggings (
    asset_id BLOB NOT NULL PRIMARY KEY REFERENCES assets (id) ON DELETE CASCADE,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'tagged', 'set_aside')),
    -- of the picture: the newest is tagged first
    created_at INTEGER NOT NULL,
    -- whether there is no prompt that a model could read in place of looking
    needs_vision INTEGER NOT NULL,
    -- how often a model was asked and no tags came of it
    failures INTEGER NOT NULL DEFAULT 0,
    -- not before this time
    try_at INTEGER NOT NULL DEFAULT 0,
    -- why the last time came to nothing
    reason TEXT
) STRICT;
CREATE INDEX taggings_waiting ON taggings (created_at, asset_id) WHERE state = 'waiting';
CREATE INDEX taggings_of_prompts ON taggings (created_at, asset_id) WHERE state = 'waiting' AND NOT needs_vision;
CREATE INDEX taggings_set_aside ON taggings (asset_id) WHERE state = 'set_aside';

-- Who tags now: one picture at a time, however many instances there are. Always one row.
CREATE TABLE tagging_turn (
    place INTEGER NOT NULL PRIMARY KEY CHECK (place = 1),
    -- a fresh name of whoever has the turn, for each picture
    holder TEXT NOT NULL,
    -- when the turn lapses
    until_us INTEGER NOT NULL
) STRICT;
INSERT INTO tagging_turn (place, holder, until_us) VALUES (1, '', 0);

-- Pictures from before are tagged, too, after all newer ones.
INSERT INTO taggings (asset_id, created_at, needs_vision)
SELECT assets.id, assets.created_at, jobs.search = '' FROM assets JOIN jobs ON jobs.id = assets.job_id
WHERE jobs.kind <> 'contact_sheet' AND assets.media_type LIKE 'image/%';
