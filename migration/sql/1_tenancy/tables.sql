-- The one row about the installation as a whole.
CREATE TABLE installation (
    id integer NOT NULL PRIMARY KEY CHECK (id = 1),
    setup_token_hash text CHECK (length(setup_token_hash) = 64),
    set_up_at {time},
    {created},
    {updated}
) {strict};

INSERT INTO installation (id) VALUES (1);

CREATE TABLE tenants (
    id {uuid} NOT NULL PRIMARY KEY,
    name text NOT NULL,
    slug text NOT NULL CONSTRAINT uq_tenants_slug UNIQUE CHECK (length(slug) BETWEEN 1 AND 63),
    {created},
    {updated}
) {strict};

CREATE INDEX ix_tenants_created ON tenants (created_at, id);
