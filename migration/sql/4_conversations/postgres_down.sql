DROP FUNCTION check_message_status_step();
DROP FUNCTION check_message_parent();
DROP FUNCTION refuse_message_move();
