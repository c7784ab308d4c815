//! Tests of the whole: its architecture, and the server as a black box.

mod architecture;
