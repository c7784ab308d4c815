-- The hits of a search stand in its row: nobody looks for one of them, and a hundred rows for each search,
-- each with two indexes and two foreign keys, cost more than the search.
ALTER TABLE retrieval_runs ADD COLUMN hits {json} NOT NULL DEFAULT '[]';

-- Row-level security binds the owner as well, who has no policy on these tables: for the length of
-- this transaction it does not. Nobody sees the tables meanwhile, as ALTER TABLE holds them alone.
--postgres ALTER TABLE retrieval_runs NO FORCE ROW LEVEL SECURITY;
--postgres ALTER TABLE retrieval_hits NO FORCE ROW LEVEL SECURITY;

--postgres UPDATE retrieval_runs AS r SET hits = h.hits FROM (
--postgres     SELECT tenant_id, retrieval_run_id, jsonb_agg(jsonb_build_object('chunk_id', chunk_id, 'rank', rank,
--postgres         'score', score, 'vector_rank', vector_rank, 'vector_score', vector_score,
--postgres         'lexical_rank', lexical_rank, 'lexical_score', lexical_score, 'is_used', is_used) ORDER BY rank) AS hits
--postgres     FROM retrieval_hits GROUP BY tenant_id, retrieval_run_id
--postgres ) AS h WHERE h.tenant_id = r.tenant_id AND h.retrieval_run_id = r.id;
--sqlite UPDATE retrieval_runs AS r SET hits = h.hits FROM (
--sqlite     SELECT tenant_id, retrieval_run_id, json_group_array(json_object('chunk_id',
--sqlite         lower(substr(hex(chunk_id), 1, 8) || '-' || substr(hex(chunk_id), 9, 4) || '-'
--sqlite             || substr(hex(chunk_id), 13, 4) || '-' || substr(hex(chunk_id), 17, 4) || '-'
--sqlite             || substr(hex(chunk_id), 21)), 'rank', rank,
--sqlite         'score', score, 'vector_rank', vector_rank, 'vector_score', vector_score,
--sqlite         'lexical_rank', lexical_rank, 'lexical_score', lexical_score,
--sqlite         'is_used', json(CASE WHEN is_used THEN 'true' ELSE 'false' END)) ORDER BY rank) AS hits
--sqlite     FROM retrieval_hits GROUP BY tenant_id, retrieval_run_id
--sqlite ) AS h WHERE h.tenant_id = r.tenant_id AND h.retrieval_run_id = r.id;

DROP TABLE retrieval_hits;
--postgres ALTER TABLE retrieval_runs FORCE ROW LEVEL SECURITY;
