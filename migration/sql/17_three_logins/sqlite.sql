-- Set-up, once done, is done.
CREATE TRIGGER installation_stays_set_up BEFORE UPDATE OF set_up_at, setup_token_hash ON installation
WHEN OLD.set_up_at IS NOT NULL
    AND (NEW.set_up_at IS NOT OLD.set_up_at OR NEW.setup_token_hash IS NOT OLD.setup_token_hash) BEGIN
    SELECT RAISE(ABORT, 'installation_stays_set_up: the installation is set up');
END;
