//! Comparison of the documents of a stream with the resources themselves.

use crate::context::Context;
use crate::http::NoAnswer;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::updates::agreement::{Agreement, agree};
use crate::updates::stream::Stream;
use crate::verdict::Finding;

/// Grades whether the document of a substream is what a request for the resource gives.
pub(super) fn compare(
    context: &Context<'_>,
    stream: &mut Stream<'_>,
    id: &str,
    requirements: &[Requirement],
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let agreement = agree(context, stream, id)?;
    let resource = stream.substreams.get(id).map_or("", |substream| substream.target.resource.id.as_str());
    for requirement in requirements {
        let entry = sheet.on(*requirement);
        match &agreement {
            Agreement::Same(exchange) => {
                entry.saw(exchange, 1, "document");
            }
            Agreement::Differ(exchange, place) => {
                let expected = format!("in {resource}, what a request for it gives");
                let finding = Finding::new(expected, "something else in the stream").at(place);
                entry.saw(exchange, 1, "document").fail(finding.from(&stream.exchange()).from(exchange));
            }
            Agreement::Unknown => {
                entry.skip(format!("there is nothing of {resource} to compare"));
            }
        }
    }
    Ok(())
}
