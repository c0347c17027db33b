//! Requests of operators: who is let in, what they may ask of the server, and how it answers.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::entrance::Entrance;
use super::operator::{Operator, Scope};
use super::service::Admin;
use crate::http::error::json;
use crate::http::offload::{self, WorkPool};
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response, body};
use crate::state::audit::Actor;
use crate::state::network::Outcome;

/// Request of an operator who was let in.
pub(super) struct Call {
    pub(super) admin: Arc<Admin>,
    pub(super) operator: Operator,
    pub(super) exchange: Exchange,
}

/// Answer to every change.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Report {
    view_tag: String,
    network_map_tag: String,
    /// True if the change survives a restart.
    durable: bool,
    /// Saved changes that were left out because they no longer fit the topology.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<String>,
    /// Settings that changed, and take effect with a restart only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    restart: Vec<String>,
}

/// Paths of the API as they are added, with the checks that all have in common.
pub(super) struct Table<'a> {
    pub(super) admin: &'a Arc<Admin>,
    pub(super) entrance: &'a Entrance,
}

impl Table<'_> {
    /// Adds a path. Whoever may not come in learns nothing about its methods.
    pub(super) fn path(&self, path: &str) -> Route {
        let entrance = self.entrance.clone();
        Route::new(path, "admin").exempt().guarded(move |exchange| entrance.identify(exchange).map(drop))
    }

    /// Binds a handler that needs a scope.
    pub(super) fn handler<F, A>(
        &self,
        needed: Scope,
        handler: F,
    ) -> impl Fn(Exchange) -> A + Send + Sync + 'static + use<F, A>
    where
        F: Fn(Result<Call, HttpError>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response, HttpError>> + Send + 'static,
    {
        let (admin, entrance) = (Arc::clone(self.admin), self.entrance.clone());
        move |exchange| {
            let call = entrance.identify(&exchange).and_then(|operator| {
                operator.require(&needed)?;
                Ok(Call { admin: Arc::clone(&admin), operator, exchange })
            });
            handler(call)
        }
    }
}

impl Call {
    /// The operator in the audit trail.
    pub(super) fn actor(&self) -> Actor {
        self.operator.actor(&self.exchange)
    }

    /// Reads a JSON body.
    pub(super) async fn json_body(&mut self, limit: u64) -> Result<Bytes, HttpError> {
        let is_json = |content_type: &str| {
            content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        };
        body::read(&mut self.exchange, "application/json", limit, is_json).await
    }

    /// Answers a question off the event loop. The future does not borrow the request, which threads cannot share.
    pub(super) fn ask<T, W>(&self, work: W) -> impl Future<Output = Result<T, HttpError>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&Admin) -> Result<T, HttpError> + Send + 'static,
    {
        self.run(self.admin.questions.clone(), work)
    }

    /// Makes a change off the event loop, after those before it.
    pub(super) fn make<T, W>(&self, work: W) -> impl Future<Output = Result<T, HttpError>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&Admin) -> Result<T, HttpError> + Send + 'static,
    {
        self.run(self.admin.changes.clone(), work)
    }

    fn run<T, W>(&self, pool: WorkPool, work: W) -> impl Future<Output = Result<T, HttpError>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&Admin) -> Result<T, HttpError> + Send + 'static,
    {
        let admin = Arc::clone(&self.admin);
        async move { pool.run(None, offload::HEAVY, move |_| work(&admin)).await? }
    }

    /// Makes a change, and answers with the state it led to.
    pub(super) async fn change(
        self,
        work: impl FnOnce(&Admin, &Actor) -> Result<Outcome, HttpError> + Send + 'static,
    ) -> Result<Response, HttpError> {
        let by = self.actor();
        let outcome = self.make(move |admin| work(admin, &by)).await?;
        Ok(self.report(outcome, Vec::new()))
    }

    /// Answers with the state that a change led to.
    pub(super) fn report(&self, Outcome { published, dropped }: Outcome, restart: Vec<String>) -> Response {
        let view = published.snapshot().view();
        let report = Report {
            view_tag: view.tag().to_owned(),
            network_map_tag: view.network_map().tag().to_owned(),
            durable: self.admin.network.is_durable(),
            dropped,
            restart,
        };
        answer(&report)
    }
}

/// Answers with JSON.
pub(super) fn answer<T: Serialize>(message: &T) -> Response {
    json(StatusCode::OK, "application/json", message)
}
