//! The kit of components. They take what they show; they ask the server nothing, but for the frame of the page.

pub(crate) mod act;
pub(crate) mod badge;
pub(crate) mod bar;
pub(crate) mod card;
pub(crate) mod cell;
pub(crate) mod commits;
pub(crate) mod copy;
pub(crate) mod dialog;
pub(crate) mod diff;
pub(crate) mod empty;
pub(crate) mod form;
pub(crate) mod icon;
pub(crate) mod moved;
pub(crate) mod notice;
pub(crate) mod pager;
pub(crate) mod rows;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod shell;
pub(crate) mod theme;
pub(crate) mod time;
pub(crate) mod toast;
