//! JSON Schemas (2020-12) of all ALTO messages, by media type.

use std::sync::LazyLock;

use jsonschema::{Registry, Validator};
use serde_json::Value;

/// Maximum number of violations listed for one message.
const MOST_VIOLATIONS: usize = 20;

/// A media type with the text of its schema.
struct Source {
    media_type: &'static str,
    text: &'static str,
}

/// A compiled schema.
struct Compiled {
    media_type: &'static str,
    schema: Value,
    validator: Validator,
}

/// Violation of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// JSON pointer to the invalid value.
    pub pointer: String,
    /// Violated keyword of JSON Schema, such as `required` or `pattern`.
    pub keyword: String,
    /// Description of the violation.
    pub message: String,
}

const COMMON: &str = include_str!("../schemas/common.json");

/// One schema per media type.
const SOURCES: &[Source] = &[
    Source { media_type: "application/alto-directory+json", text: include_str!("../schemas/directory.json") },
    Source { media_type: "application/alto-networkmap+json", text: include_str!("../schemas/networkmap.json") },
    Source { media_type: "application/alto-costmap+json", text: include_str!("../schemas/costmap.json") },
    Source { media_type: "application/alto-endpointprop+json", text: include_str!("../schemas/endpointprop.json") },
    Source { media_type: "application/alto-endpointcost+json", text: include_str!("../schemas/endpointcost.json") },
    Source { media_type: "application/alto-error+json", text: include_str!("../schemas/error.json") },
    Source {
        media_type: "application/alto-networkmapfilter+json",
        text: include_str!("../schemas/networkmapfilter.json"),
    },
    Source { media_type: "application/alto-costmapfilter+json", text: include_str!("../schemas/costmapfilter.json") },
    Source {
        media_type: "application/alto-endpointpropparams+json",
        text: include_str!("../schemas/endpointpropparams.json"),
    },
    Source {
        media_type: "application/alto-endpointcostparams+json",
        text: include_str!("../schemas/endpointcostparams.json"),
    },
    Source { media_type: "application/alto-propmap+json", text: include_str!("../schemas/propmap.json") },
    Source { media_type: "application/alto-propmapparams+json", text: include_str!("../schemas/propmapparams.json") },
    Source {
        media_type: "application/alto-updatestreamparams+json",
        text: include_str!("../schemas/updatestreamparams.json"),
    },
    Source {
        media_type: "application/alto-updatestreamcontrol+json",
        text: include_str!("../schemas/updatestreamcontrol.json"),
    },
    Source { media_type: "application/alto-tips+json", text: include_str!("../schemas/tips.json") },
    Source { media_type: "application/alto-tipsparams+json", text: include_str!("../schemas/tipsparams.json") },
];

static COMMON_PARTS: LazyLock<Value> = LazyLock::new(|| read(COMMON));
static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| SOURCES.iter().map(compile).collect());

/// Returns the media types with a schema.
pub(crate) fn media_types() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|source| source.media_type)
}

/// Media type of a message whose members are those of exactly one.
pub(crate) fn guess(message: &Value) -> Option<&'static str> {
    const BY_MEMBER: &[(&str, &str)] = &[
        ("/resources", "directory"),
        ("/network-map", "networkmap"),
        ("/cost-map", "costmap"),
        ("/endpoint-cost-map", "endpointcost"),
        ("/endpoint-properties", "endpointprop"),
        ("/property-map", "propmap"),
        ("/meta/code", "error"),
        ("/tips-view-uri", "tips"),
        ("/add", "updatestreamparams"),
        ("/remove", "updatestreamparams"),
        ("/control-uri", "updatestreamcontrol"),
        ("/started", "updatestreamcontrol"),
        ("/stopped", "updatestreamcontrol"),
        ("/resource-id", "tipsparams"),
        ("/entities", "propmapparams"),
        ("/endpoints/srcs", "endpointcostparams"),
        ("/endpoints/dsts", "endpointcostparams"),
        ("/endpoints", "endpointpropparams"),
        ("/cost-type", "costmapfilter"),
        ("/multi-cost-types", "costmapfilter"),
        ("/pids", "networkmapfilter"),
    ];
    let (_, name) = BY_MEMBER.iter().find(|(member, _)| message.pointer(member).is_some())?;
    media_types().find(|known| *known == format!("application/alto-{name}+json"))
}

/// Lists the violations in a message up to a bound; `None` if the media type has no schema.
pub(crate) fn violations(media_type: &str, message: &Value) -> Option<Vec<Violation>> {
    let compiled = of(media_type)?;
    if compiled.validator.is_valid(message) {
        return Some(Vec::new());
    }
    let violations = compiled.validator.iter_errors(message).take(MOST_VIOLATIONS).map(|error| Violation {
        pointer: error.instance_path().as_str().to_owned(),
        keyword: error.kind().keyword().to_owned(),
        message: crate::json::shorten(&error.to_string(), 300),
    });
    Some(violations.collect())
}

/// Tests whether a violation is one that the examples of an RFC commit: RFC 8189 §5 omits the empty `cost-type` of multi-cost
/// answers, which its §4.1.3 requires.
pub(crate) fn is_in_examples(violation: &Violation, message: &Value) -> bool {
    let multi_cost = message.pointer("/meta/multi-cost-types").is_some_and(Value::is_array);
    let meta = message.get("meta");
    let misses = meta.is_some_and(|meta| meta.get("cost-type").is_none());
    multi_cost
        && misses
        && violation.pointer == "/meta"
        && violation.keyword == "required"
        && violation.message.contains("cost-type")
}

/// Returns the schema of a media type with all references resolved.
pub(crate) fn resolved(media_type: &str) -> Option<Value> {
    Some(inlined(&of(media_type)?.schema))
}

fn of(media_type: &str) -> Option<&'static Compiled> {
    COMPILED.iter().find(|compiled| compiled.media_type == media_type)
}

#[expect(clippy::expect_used, reason = "the schemas are part of this program, and a test compiles them all")]
fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("schemas of this crate are JSON")
}

#[expect(clippy::expect_used, reason = "the schemas are part of this program, and a test compiles them all")]
fn compile(source: &Source) -> Compiled {
    let id = COMMON_PARTS["$id"].as_str().unwrap_or_default();
    let registry = Registry::new()
        .add(id, &*COMMON_PARTS)
        .and_then(jsonschema::RegistryBuilder::prepare)
        .expect("the common schema can be used");
    let schema = read(source.text);
    let validator =
        jsonschema::options().with_registry(&registry).offline().build(&schema).expect("schemas of this crate compile");
    Compiled { media_type: source.media_type, schema, validator }
}

/// Replaces references to the common schema, which has no loops, by their targets.
fn inlined(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            let target = target.and_then(|reference| reference.strip_prefix("common.json#"));
            match target.and_then(|pointer| COMMON_PARTS.pointer(pointer)) {
                Some(target) => inlined(target),
                None => members.iter().map(|(name, value)| (name.clone(), inlined(value))).collect(),
            }
        }
        Value::Array(elements) => elements.iter().map(inlined).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(media_type: &str, message: &Value) -> Vec<String> {
        let violations = violations(&format!("application/alto-{media_type}+json"), message).unwrap();
        violations.into_iter().map(|violation| format!("{} {}", violation.pointer, violation.keyword)).collect()
    }

    #[test]
    fn all_schemas_are_valid() {
        for source in SOURCES {
            let schema = read(source.text);
            jsonschema::meta::validate(&schema).unwrap();
            assert_eq!(schema["title"], source.media_type);
        }
        jsonschema::meta::validate(&COMMON_PARTS).unwrap();
        assert_eq!(COMPILED.len(), 16);
    }

    #[test]
    fn the_examples_of_the_rfc_are_valid() {
        // RFC 7285 §11.2.1.7, §11.2.3.7, §11.3.2.7, §11.4.1.7, §11.5.1.7, §8.5.2.
        let vtag = json!({"resource-id": "my-default-network-map", "tag": "da65eca2eb7a10ce8b059740b0b2e3f8eb1d4785"});
        let cost_type = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
        let pids = json!({
            "PID1": {"ipv4": ["192.0.2.0/24", "198.51.100.0/25"]},
            "PID2": {"ipv4": ["198.51.100.128/25"]},
            "PID3": {"ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"]}
        });
        let costs = json!({"PID1": {"PID1": 1, "PID2": 5, "PID3": 10}});
        let endpoint_costs = json!({"ipv4:192.0.2.2": {"ipv4:192.0.2.89": 1, "ipv6:2001:db8::10": 2}});
        let valid = [
            ("networkmap", json!({"meta": {"vtag": vtag}, "network-map": pids})),
            ("costmap", json!({"meta": {"dependent-vtags": [vtag], "cost-type": cost_type}, "cost-map": costs})),
            (
                "costmapfilter",
                json!({"cost-type": cost_type, "pids": {"srcs": ["PID1"], "dsts": []}, "constraints": ["ge 1", "le 5.5e1"]}),
            ),
            (
                "endpointpropparams",
                json!({"properties": ["my-default-networkmap.pid", "priv:ietf-example-prop"], "endpoints": ["ipv4:192.0.2.34"]}),
            ),
            (
                "endpointprop",
                json!({"meta": {"dependent-vtags": [vtag]}, "endpoint-properties": {"ipv4:192.0.2.34": {"a.pid": "PID1"}}}),
            ),
            ("endpointcostparams", json!({"cost-type": cost_type, "endpoints": {"dsts": ["ipv4:192.0.2.89"]}})),
            ("endpointcost", json!({"meta": {"cost-type": cost_type}, "endpoint-cost-map": endpoint_costs})),
            ("error", json!({"meta": {"code": "E_INVALID_FIELD_VALUE", "field": "a/b", "value": "foo", "x": null}})),
        ];
        for (name, message) in valid {
            assert_eq!(wrong(name, &message), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn property_maps_are_checked() {
        // RFC 9240 §10.4, with registered names, and §8.3.
        let vtag = json!({"resource-id": "net", "tag": "t"});
        let entities = json!({
            "ipv4:198.51.100.0/24": {".priv:site": "ams", "net.pid": "a:b"},
            "ipv6:2001:db8::1": {".priv:site": null},
            "net.pid:a:b": {".priv:list": ["x"]},
            ".ane:x.y": {"max-reservable-bandwidth": 1.5}
        });
        let map = |entities: &Value| json!({"meta": {"dependent-vtags": [vtag]}, "property-map": entities});
        assert_eq!(wrong("propmap", &map(&entities)), Vec::<String>::new());
        assert_eq!(wrong("propmap", &map(&json!({"ipv4:192.0.2.1": "x"}))), ["/property-map/ipv4:192.0.2.1 type"]);
        assert_eq!(wrong("propmapparams", &json!({"properties": []})), [" required"]);
        for (entity, valid) in [
            ("ipv4:192.0.2.0/24", true),
            ("net.ipv4:192.0.2.1", true),
            (".ipv4:192.0.2.1", true),
            ("ipv6:::ffff:192.0.2.1/128", true),
            ("a:b@c.pid:x:y", true),
            ("priv:x:y z", true),
            ("ipv4:300.1.1.1", false),
            ("net.ipv4:192.0.2.0/33", false),
            ("ipv6:2001:db8::/129", false),
            ("net.pid:", false),
            ("net.pid:x.y", false),
            ("ipv4", false),
            ("", false),
        ] {
            let request = json!({"entities": [entity], "properties": ["net.pid", ".priv:x"]});
            assert_eq!(wrong("propmapparams", &request).is_empty(), valid, "{entity}");
        }
    }

    #[test]
    fn violations_have_pointers() {
        let vtag = json!({"resource-id": "a.b", "tag": ""});
        let map = json!({"meta": {"vtag": vtag}, "network-map": {"a": {"ipv4": ["10.0.0.0"], "mac": "x"}}});
        assert_eq!(
            wrong("networkmap", &map),
            ["/meta/vtag/resource-id pattern", "/network-map/a/ipv4/0 pattern", "/network-map/a/mac type"]
        );
        assert_eq!(wrong("costmap", &json!({"cost-map": {}})), [" required"]);
        let both = json!({"cost-type": {}, "endpoints": {"srcs": []}, "constraints": ["ge5"]});
        assert_eq!(
            wrong("endpointcostparams", &both),
            ["/constraints/0 pattern", "/cost-type required", "/cost-type required", "/endpoints anyOf"]
        );
        assert_eq!(wrong("error", &json!({"meta": {"code": "E_X", "value": "1"}})), ["/meta required"]);
    }

    #[test]
    fn multi_cost_maps_are_checked() {
        let two = json!([{"cost-mode": "numerical", "cost-metric": "routingcost"}, {"cost-mode": "ordinal", "cost-metric": "hopcount"}]);
        let message = |costs: Value| {
            json!({
                "meta": {"dependent-vtags": [{"resource-id": "m", "tag": "t"}], "cost-type": {}, "multi-cost-types": two},
                "cost-map": {"a": {"b": costs}}
            })
        };
        assert_eq!(wrong("costmap", &message(json!([1.5, null]))), Vec::<String>::new());
        assert_eq!(wrong("costmap", &message(json!(1))), ["/cost-map/a/b type", "/cost-map/a/b type"]);
        assert_eq!(wrong("costmap", &message(json!([1, "2"]))), ["/cost-map/a/b/1 type"]);
        // Costs of another mode may be arrays themselves (RFC 9275).
        let mut paths = message(json!([1, ["e1", "e2"]]));
        paths["meta"]["multi-cost-types"][1] = json!({"cost-mode": "array", "cost-metric": "ane-path"});
        assert_eq!(wrong("costmap", &paths), Vec::<String>::new());
    }

    #[test]
    fn cost_contexts_are_checked() {
        let directory = |metric: &str, context: Value| {
            let cost_type = json!({"cost-mode": "numerical", "cost-metric": metric, "cost-context": context});
            json!({"meta": {"cost-types": {"x": cost_type}}, "resources": {}})
        };
        let sla = json!({"cost-source": "sla", "parameters": {"link": "https://isp.example/sla"}});
        assert_eq!(wrong("directory", &directory("delay-ow:p99.9", sla.clone())), Vec::<String>::new());
        assert_eq!(wrong("directory", &directory("delay.ow:p95", sla)), ["/meta/cost-types/x/cost-metric pattern"]);
        for (context, place) in [
            (json!("sla"), " type"),
            (json!({}), " required"),
            (json!({"cost-source": "an sla"}), "/cost-source pattern"),
        ] {
            let violations = wrong("directory", &directory("tput", context));
            assert_eq!(violations, [format!("/meta/cost-types/x/cost-context{place}")]);
        }
    }

    #[test]
    fn addresses_are_checked() {
        for (address, valid) in [
            ("ipv4:192.0.2.1", true),
            ("ipv4:192.0.2.034", false),
            ("ipv4:192.0.2", false),
            ("ipv6:::1", true),
            ("ipv6:2001:DB8:0:0:0:0:0:1", true),
            ("ipv6:::ffff:192.0.2.1", true),
            ("ipv6:1::2::3", false),
            ("ipv6:[::1]", false),
            ("ipv6:fe80::1%eth0", false),
            ("mac48:00-00-5e-00-53-00", true),
            ("192.0.2.1", false),
            ("ipv4:", false),
        ] {
            let request = json!({"properties": ["a.pid"], "endpoints": [address]});
            assert_eq!(wrong("endpointpropparams", &request).is_empty(), valid, "{address}");
        }
    }

    #[test]
    fn members_show_the_media_type() {
        for (message, expected) in [
            (json!({"meta": {"code": "E_SYNTAX"}}), Some("error")),
            (json!({"meta": {}, "cost-map": {}}), Some("costmap")),
            (json!({"cost-type": {}, "endpoints": {"srcs": [], "dsts": []}}), Some("endpointcostparams")),
            (json!({"cost-type": {}, "pids": {"srcs": [], "dsts": []}}), Some("costmapfilter")),
            (json!({"pids": ["a"]}), Some("networkmapfilter")),
            (json!({"properties": ["a.pid"], "endpoints": ["ipv4:192.0.2.1"]}), Some("endpointpropparams")),
            (json!({"meta": {}}), None),
            (json!([1]), None),
        ] {
            let expected = expected.map(|name| format!("application/alto-{name}+json"));
            assert_eq!(guess(&message).map(str::to_owned), expected, "{message}");
        }
    }

    #[test]
    fn references_are_resolved() {
        let schema = resolved("application/alto-costmapfilter+json").unwrap();
        assert_eq!(schema.pointer("/properties/cost-type/required"), Some(&json!(["cost-metric", "cost-mode"])));
        assert!(!schema.to_string().contains("$ref"));
    }
}
