//! Requests for property maps: whole ones by GET, parts by POST (RFC 9240 §7, §8).

use alto_types::{MediaType, PropertyMap, PropertyMapRequest};

use super::Client;
use crate::decode;
use crate::directory::{Directory, Entry, Kind};
use crate::error::Error;
use crate::exchange::{Answer, Question};

impl Client {
    /// Property map with this resource ID, or the only one: these entities and properties, or all where none are named.
    ///
    /// Of a filter, values are those that a server states for just these entities; of a whole map, those in the map, and
    /// what entities inherit is left to the caller (RFC 9240 §6.1.3).
    pub fn property_map(
        &self,
        id: Option<&str>,
        entities: &[String],
        properties: &[String],
    ) -> Result<PropertyMap, Error> {
        self.by_directory(|directory| {
            let filters = !entities.is_empty() || !properties.is_empty();
            let entry = choose(directory, id, filters)?;
            if entry.kind() == Kind::FilteredPropertyMap {
                let properties = Some(properties.to_vec());
                let request = PropertyMapRequest { entities: entities.to_vec(), properties };
                return self.post(entry, MediaType::PROPERTY_MAP, &request, read);
            }
            let mut map = read(&self.inner.exchange.ask(&Question::get(&entry.uri, MediaType::PROPERTY_MAP))?)?;
            map.property_map.retain(|entity, _| entities.is_empty() || entities.contains(entity));
            for values in map.property_map.values_mut() {
                values.retain(|property, _| properties.is_empty() || properties.contains(property));
            }
            Ok(map)
        })
    }
}

fn read(answer: &Answer) -> Result<PropertyMap, Error> {
    decode::message(answer)
}

/// The resource with this ID, or else the first of the kind that saves most: a filter for a part, a whole map for all.
fn choose<'a>(directory: &'a Directory, id: Option<&str>, part: bool) -> Result<&'a Entry, Error> {
    let kinds = [Kind::FilteredPropertyMap, Kind::PropertyMap];
    let all = || kinds.into_iter().flat_map(|kind| directory.of_kind(kind));
    let found = match id {
        Some(id) => all().find(|entry| entry.id().as_str() == id),
        None if part => all().next(),
        None => directory.of_kind(Kind::PropertyMap).next().or_else(|| all().next()),
    };
    found.ok_or_else(|| {
        let what = id.map_or("property map".to_owned(), |id| format!("property map {id:?}"));
        Error::unsupported(what, all().map(|entry| entry.id().to_string()).collect())
    })
}
