DROP TRIGGER users_remove_private_knowledge ON users;
DROP FUNCTION remove_private_knowledge();
DROP FUNCTION check_processing_step();
