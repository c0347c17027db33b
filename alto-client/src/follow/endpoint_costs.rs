//! Costs between endpoints that are followed, in the form in which they are asked for.

use std::sync::Arc;
use std::time::SystemTime;

use alto_types::{EndpointCostRequest, EndpointFilter, MediaType};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::{Document, Followed};
use crate::client::Client;
use crate::cost::{Basis, EndpointCostPart, EndpointCostQuery, EndpointCosts, Plan, Step};
use crate::directory::Kind;
use crate::error::Error;
use crate::exchange::Answer;
use crate::network_map::NetworkMap;

impl Client {
    /// Resource to follow for costs between endpoints, with its request. Unsupported unless one service gives all of them
    /// in one answer.
    pub fn endpoint_costs_to_follow(&self, query: &EndpointCostQuery) -> Result<Followed, Error> {
        query.costs.check()?;
        let directory = self.directory()?;
        let plan = Plan::new(&query.costs, &directory.of_kind(Kind::EndpointCost));
        let [Step { resource: Some(service), types }] = plan.steps.as_slice() else {
            return Err(Error::unsupported("service that gives all of these costs at once".to_owned(), Vec::new()));
        };
        let endpoints = EndpointFilter { srcs: query.sources.clone(), dsts: query.destinations.clone() };
        let request = EndpointCostRequest { costs: query.costs.selection(types, plan.send_tests), endpoints };
        let transport =
            |source: serde_json::Error| Error::Transport { uri: service.uri().to_owned(), source: source.into() };
        let input = serde_json::to_value(&request).map_err(transport)?;
        Ok(Followed { resource_id: service.id().clone(), input: Some(input) })
    }

    /// Costs in the present version of a document that is followed for them.
    pub fn endpoint_costs_in(&self, document: &Document, query: &EndpointCostQuery) -> Result<EndpointCosts, Error> {
        let part = EndpointCostPart::read(&self.answer(document, MediaType::ENDPOINT_COST)?, &query.costs.distinct())?;
        let mut costs = EndpointCosts::new(Basis::Service);
        for mut column in part.columns {
            column.retain(&query.sources, &query.destinations);
            costs.table.add(Arc::new(column));
        }
        costs.vtag = part.vtag;
        Ok(costs)
    }

    /// Network map in the present version of a document.
    pub fn network_map_in(&self, document: &Document) -> Result<NetworkMap, Error> {
        crate::decode::message(&self.answer(document, MediaType::NETWORK_MAP)?).map(NetworkMap::new)
    }

    /// The answer that would have had a document, so that both are read alike.
    fn answer(&self, document: &Document, media_type: MediaType) -> Result<Answer, Error> {
        let uri = self.root().clone();
        let message = document.to_message().and_then(|message| serde_json::to_vec(&message));
        let body = message.map_err(|source| Error::Transport { uri: uri.to_string(), source: source.into() })?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type.as_str()))]);
        Ok(Answer { uri, status: StatusCode::OK, headers, body, received: SystemTime::now() })
    }
}
