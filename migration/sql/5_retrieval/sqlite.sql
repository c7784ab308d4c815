CREATE TRIGGER conversations_clear_retrieval AFTER DELETE ON conversations BEGIN
    UPDATE retrieval_runs SET conversation_id = NULL
    WHERE tenant_id = OLD.tenant_id AND conversation_id = OLD.id;
END;

CREATE TRIGGER messages_clear_retrieval AFTER DELETE ON messages BEGIN
    UPDATE retrieval_runs SET message_id = NULL WHERE tenant_id = OLD.tenant_id AND message_id = OLD.id;
END;

CREATE TRIGGER chunks_clear_citations AFTER DELETE ON chunks BEGIN
    UPDATE citations SET chunk_id = NULL WHERE tenant_id = OLD.tenant_id AND chunk_id = OLD.id;
END;

CREATE TRIGGER source_versions_clear_citations AFTER DELETE ON source_versions BEGIN
    UPDATE citations SET source_version_id = NULL
    WHERE tenant_id = OLD.tenant_id AND source_version_id = OLD.id;
END;

CREATE TRIGGER sources_clear_citations AFTER DELETE ON sources BEGIN
    UPDATE citations SET source_id = NULL WHERE tenant_id = OLD.tenant_id AND source_id = OLD.id;
END;
