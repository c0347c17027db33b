//! What the sections of one page have in common: one state of the network, at one time, for one question.

use std::sync::Arc;
use std::time::SystemTime;

use topo::View;

use super::question::Question;
use super::site::Site;
use crate::http::offload::Cancel;
use crate::state::published::Published;

/// What the sections of one page show.
pub(super) struct Scene<'a> {
    pub(super) site: &'a Site,
    pub(super) question: &'a Question,
    pub(super) published: Arc<Published>,
    pub(super) now: SystemTime,
    pub(super) cancel: &'a Cancel,
}

impl Scene<'_> {
    /// Network map and costs that are shown.
    pub(super) fn view(&self) -> &View {
        self.published.snapshot().view()
    }
}
