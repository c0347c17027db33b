//! Dependencies of the resources that a service of updates covers.

use crate::context::Context;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::Resource;
use crate::verdict::Finding;

/// Grades whether a service that covers a resource also covers everything that the resource uses.
pub(crate) fn closed(context: &Context<'_>, service: &Resource, requirement: Requirement, sheet: &mut Sheet) {
    let exchange = &context.subject.directory_of(service).exchange;
    let uses = service.uses();
    for used in uses.iter().filter_map(|id| context.subject.named(id)) {
        for dependency in used.uses() {
            let entry = sheet.on(requirement);
            entry.saw(exchange, 1, "dependency");
            if !uses.contains(&dependency) {
                let seen = format!("{} without {dependency}, which it uses", used.id);
                let finding = Finding::new("`uses` with all that its resources use", seen);
                entry.fail(finding.at(service.pointer() + "/uses").from(exchange));
            }
        }
    }
}
