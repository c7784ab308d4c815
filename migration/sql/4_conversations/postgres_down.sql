DROP FUNCTION check_message_status_step();
DROP FUNCTION check_message_seq();
DROP FUNCTION refuse_message_move();
