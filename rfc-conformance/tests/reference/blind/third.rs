//! Mutants of a third set, those that whole runs missed: the others were caught at once.

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use serde_json::{Value, json};

use super::super::mutant::Mutant;
use super::super::server::Variant;

pub(super) fn mutants() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc7285/11.3.2.3/6", "rounds costs before it compares them with `eq`", |r| {
            r.rewrite_requests(|id, mut body| {
                let tests = body.get_mut("constraints").filter(|_| id == "fcm-a")?.as_array_mut()?;
                let equal = |test: &Value| test.as_str()?.strip_prefix("eq ")?.trim().parse::<f64>().ok();
                let wanted = tests.iter().find_map(equal)?;
                *tests = vec![json!(format!("ge {}", wanted - 0.5)), json!(format!("lt {}", wanted + 0.5))];
                Some(body)
            });
        }),
        Mutant::new("rfc7285/8.3/12", "takes filters of network maps as filters of cost maps too", |r| {
            r.instead(|service, request| {
                let found = service.find(request).filter(|found| found.id() == "fnm-a")?;
                let other = request.media_type().as_deref() == Some("application/alto-costmapfilter+json");
                (other && request.method == "POST").then(|| service.serve(found, request))
            });
        }),
        Mutant::new("rfc7285/8.3/3", "reads a body in chunks as empty, in cost maps alone", |r| {
            r.instead(|service, request| {
                let found = service.find(request).filter(|found| found.id() == "fcm-a")?;
                let chunked = request.field("transfer-encoding").is_some();
                let empty = ReceivedRequest { body: Vec::new(), ..request.clone() };
                chunked.then(|| service.serve(found, &empty))
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/6", "has no destinations where `dsts` is empty", |r| {
            r.instead(|service, request| {
                service.find(request).filter(|found| found.id() == "ecs" && request.method == "POST")?;
                let body: Value = serde_json::from_slice(&request.body).ok()?;
                let empty = body.pointer("/endpoints/dsts").is_none_or(|list| *list == json!([]));
                (empty && body.pointer("/endpoints/srcs/0").is_some()).then(|| nothing(&body))
            });
        }),
        Mutant::new("rfc7285/11.5.1.3/5", "ignores constraints where the source is the client", |r| {
            r.rewrite_requests(|id, mut body| {
                let implied = id == "ecs" && body.pointer("/endpoints/srcs/0").is_none();
                body.as_object_mut().filter(|_| implied)?.remove("constraints")?;
                Some(body)
            });
        }),
        Mutant::new("rfc9439/3.2/3", "ignores operators that it does not know, on one metric", |r| {
            r.rewrite_requests(|_, mut body| {
                let metric = body.pointer_mut("/cost-type/cost-metric")?;
                let base = metric.as_str()?.strip_suffix(":avg")?.to_owned();
                (base == "delay-ow").then(|| *metric = json!(base))?;
                Some(body)
            });
        })
        .with(Variant::Metrics),
    ]
}

/// Answer without any pair.
fn nothing(asked: &Value) -> Response {
    let message = json!({ "meta": { "cost-type": asked["cost-type"] }, "endpoint-cost-map": {} });
    Response {
        status: 200,
        fields: vec![("Content-Type".into(), "application/alto-endpointcost+json".into())],
        body: message.to_string().into_bytes(),
        ..Response::default()
    }
}
