//! `/ui/`: the page on which people see the network that this server describes.
//!
//! The page is HTML made here, and complete without scripts. It only reads. [`routes`] answers its paths, with the
//! headers of [`secured`]; [`assets`] has what a browser loads besides; [`site`] knows what the page is about. A request
//! asks a [`question`] and gets a [`page`], whose [`sections`] show one [`scene`], with a [`drawing`] of the network and a
//! [`heat`] map of its costs; [`format`] writes numbers and times in them. [`chronicle`] knows the
//! latest changes, and tells open pages of them.

mod assets;
mod chronicle;
mod drawing;
mod format;
mod heat;
mod page;
mod question;
pub(crate) mod routes;
mod scene;
mod sections;
mod secured;
pub(crate) mod site;
