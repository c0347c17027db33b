//! Mutants with faults in the capabilities of property maps (RFC 9240 §3 to §8.7, §11).

use serde_json::{Map, Value, json};

use super::mutant::{Mutant, drop_at, put};
use super::server::{Reference, Variant};

pub(crate) fn mutants() -> Vec<Mutant> {
    let mut all = domains();
    all.extend(names());
    all.extend(others());
    all.into_iter()
        .map(|mutant| if mutant.variant == Variant::Plain { mutant.with(Variant::Properties) } else { mutant })
        .collect()
}

/// Changes the `mappings` capability of the filtered property map.
fn mappings(reference: &mut Reference, change: fn(&mut Map<String, Value>)) {
    reference.of("root", move |m| {
        let mappings = m.pointer_mut("/resources/fpm/capabilities/mappings").and_then(Value::as_object_mut);
        change(mappings.expect("the variant has it"));
    });
}

/// Creates a mutant that announces an additional entity domain.
macro_rules! domain {
    ($name:expr) => {
        |r| mappings(r, |domains| drop(domains.insert($name.into(), json!([".priv:x-site"]))))
    };
}

/// Creates a mutant that announces an additional property of IPv4 addresses.
macro_rules! property {
    ($name:expr) => {
        |r| mappings(r, |domains| domains["ipv4"].as_array_mut().unwrap().push(json!($name)))
    };
}

fn domains() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/3.2.1/1", "has a domain type that is not registered", domain!("mac")).graded("warn"),
        Mutant::new("rfc9240/4.6.1/1", "has a domain of a resource that is not listed", domain!("no-such-map.pid")),
        Mutant::new("rfc9240/4.6.1/1", "has a domain of a map that does not define it", domain!("pm.ane")),
        Mutant::new("rfc9240/5.1.1/1", "has a space in a domain type", domain!("priv:x y")),
        Mutant::new(
            "rfc9240/5.1.1/1",
            "has a domain type of 65 characters",
            domain!(format!("priv:{}", "x".repeat(60))),
        ),
        Mutant::new("rfc9240/5.1.1/2", "has two colons in a domain type", domain!("priv:x:y")),
        Mutant::new("rfc9240/5.1.1/3", "has a colon in a domain type that is not private", domain!("x:y")),
        Mutant::new("rfc9240/5.1.1/4", "has a private domain type without a name", domain!("priv:")),
        Mutant::new("rfc9240/5.1.2.1/1", "announces a domain of an invalid resource ID", domain!("nm a.pid")),
        Mutant::new("rfc9240/5.1.2.3/1", "names itself as resource of its domain", domain!("fpm.ane")),
        Mutant::new("rfc9240/6.1.4/1", "has addresses of a cost map", domain!("cm-a-num.ipv4")),
        Mutant::new("rfc9240/6.2.4/1", "has PIDs of a cost map", domain!("cm-a-num.pid")),
        Mutant::new("rfc9240/7.4/1", "has a domain without properties", |r| {
            mappings(r, |domains| drop(domains.insert("ipv6".into(), json!([]))));
        }),
        Mutant::new("rfc9240/7.4/1", "does not state what a property map has", |r| {
            r.of("root", |m| drop_at(m, "/resources/pm/capabilities", "mappings"));
        }),
    ]
}

fn names() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/3.3/1", "has a property type that is not registered", property!(".x-tier")).graded("warn"),
        Mutant::new("rfc9240/4.3/1", "has a `pid` of no network map", property!("pid")),
        Mutant::new(
            "rfc9240/5.2.1/1",
            "has a property type of 33 characters",
            property!(format!(".priv:{}", "x".repeat(28))),
        ),
        Mutant::new("rfc9240/5.2.1/2", "has a private property type without a name", property!(".priv:")),
        Mutant::new("rfc9240/5.2.2/1", "has a property of a resource that is not listed", property!("no-such-map.pid")),
        Mutant::new("rfc9240/5.2.2/2", "names itself as resource of its property", property!("fpm.priv:x-tier"))
            .graded("warn"),
        Mutant::new("rfc9240/8.7/1", "has a `pid` of a cost map", property!("cm-a-num.pid")),
    ]
}

fn others() -> Vec<Mutant> {
    vec![
        Mutant::new("rfc9240/5.1.2/1", "has a dot in a resource ID", |r| {
            r.of("root", |m| {
                let map = m["resources"]["cm-a-num"].clone();
                m["resources"]["cm.a"] = map;
            });
        }),
        Mutant::new("rfc9240/7.5/1", "does not list a network map that its properties are of", |r| {
            r.of("root", |m| put(m, "/resources/fpm/uses", json!(["nm-a"])));
        }),
        Mutant::new("rfc9240/11/4", "supports no version of TLS after 1.2", |_| {})
            .graded("warn")
            .with(Variant::OldTls),
    ]
}
