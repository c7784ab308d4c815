//! The first hour of somebody who has never seen the program: settings, commands, the README.

mod commands;
mod data_folder;
mod doctor;
mod readme;
mod settings;
mod setup_page;
