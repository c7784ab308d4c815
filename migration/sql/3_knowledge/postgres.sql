-- Vectors: one partition a dimension, so that HNSW can index the cast to it, each in 16 by tenant,
-- so that a small tenant's nearest are not lost among the others'. Other dimensions are scanned
-- exactly. PLAIN: a vector out of line costs a second read for each distance.
CREATE TABLE chunk_embeddings (
    tenant_id uuid NOT NULL,
    collection_id uuid NOT NULL,
    source_id uuid NOT NULL,
    source_version_id uuid NOT NULL,
    chunk_id uuid NOT NULL,
    model text NOT NULL,
    dimension integer NOT NULL,
    embedding halfvec STORAGE PLAIN NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, chunk_id, model, dimension),
    CHECK (vector_dims(embedding) = dimension),
    FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks (tenant_id, id) ON DELETE CASCADE
) PARTITION BY LIST (dimension);

CREATE INDEX ix_chunk_embeddings_collection ON chunk_embeddings (tenant_id, collection_id);
CREATE INDEX ix_chunk_embeddings_version ON chunk_embeddings (tenant_id, source_version_id);

CREATE TABLE chunk_embeddings_other PARTITION OF chunk_embeddings DEFAULT;
-- A row must fit into a page when it is PLAIN, and these may be of any length.
ALTER TABLE chunk_embeddings_other ALTER COLUMN embedding SET STORAGE EXTERNAL;
ALTER TABLE chunk_embeddings_other ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

DO $$
DECLARE
    dimension integer;
    part text;
BEGIN
    FOREACH dimension IN ARRAY ARRAY[384, 512, 768, 1024, 1536, 3072] LOOP
        part := format('chunk_embeddings_%s', dimension);
        EXECUTE format('CREATE TABLE %I PARTITION OF chunk_embeddings FOR VALUES IN (%s) PARTITION BY HASH (tenant_id)',
            part, dimension);
        -- Nobody is granted a partition; rows are reached through the table above and its policies.
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
        FOR remainder IN 0..15 LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
                part || '_' || remainder, part, remainder);
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
                part || '_' || remainder);
        END LOOP;
        EXECUTE format('CREATE INDEX %I ON %I USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)',
            'ix_' || part || '_hnsw', part, dimension);
    END LOOP;
END
$$;

-- `uploaded → processing → processed | error`, `error → processing`; no other step.
CREATE FUNCTION check_processing_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NOT ((OLD.status IN ('uploaded', 'error') AND NEW.status = 'processing')
        OR (OLD.status = 'processing' AND NEW.status IN ('processed', 'error'))) THEN
        RAISE EXCEPTION '% may not go from % to %', TG_TABLE_NAME, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_status_step';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER sources_status_step BEFORE UPDATE OF status ON sources
FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION check_processing_step();
CREATE TRIGGER source_versions_status_step BEFORE UPDATE OF status ON source_versions
FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION check_processing_step();

-- What only the user could read goes with the user; the foreign keys let the rest pass to the tenant.
CREATE FUNCTION remove_private_knowledge() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    DELETE FROM public.collections
    WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id AND visibility <> 'shared';
    DELETE FROM public.sources
    WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id AND visibility <> 'shared';
    RETURN OLD;
END
$$;

CREATE TRIGGER users_remove_private_knowledge BEFORE DELETE ON users
FOR EACH ROW EXECUTE FUNCTION remove_private_knowledge();
