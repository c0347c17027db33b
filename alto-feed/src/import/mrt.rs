//! MRT files: tables and updates of BGP (RFC 6396), of which rules make PIDs.
//!
//! Of several paths to a prefix in a table, the first one counts; of updates, the last one of the peer that announced the
//! prefix last.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::net::IpAddr;

use flate2::read::MultiGzDecoder;
use topo::file::TopologyFile;

use super::Imported;
use crate::bgp::decode::MrtFile;
use crate::input::InputError;
use crate::pids::extend::{Grouped, Routers};
use crate::pids::rules::Rules;
use crate::pids::table::Table;
use crate::topology_file::assumptions::Assumptions;
use crate::topology_file::parts;

/// Largest size of a decompressed file in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// Largest number of records that cannot be read before the file is given up.
const MAX_ERRORS: usize = 100_000;

/// Imports a file, into the PIDs of a topology if there is one.
pub fn import(
    file: &str,
    bytes: Vec<u8>,
    rules: &Rules,
    topology: Option<TopologyFile>,
) -> Result<Imported, InputError> {
    let mut topology = topology.unwrap_or_else(|| parts::empty("bgp"));
    let mut assumptions = Assumptions::default();
    let grouped = read(file, bytes, rules, &topology, &mut assumptions)?;
    grouped.set_prefixes(&mut topology, &mut assumptions);
    Ok(Imported { topology, assumptions })
}

/// Reads a file, and groups its prefixes into the PIDs of a topology and those that rules name.
pub fn read(
    file: &str,
    bytes: Vec<u8>,
    rules: &Rules,
    topology: &TopologyFile,
    assumptions: &mut Assumptions,
) -> Result<Grouped, InputError> {
    let failed = |message: String| InputError { file: file.to_owned(), place: None, message };
    let reader = decompressed(bytes).map_err(|message| failed(message.to_owned()))?;
    let routers = Routers::of(topology);
    let router = |address: IpAddr| routers.pid(address);
    let mut table = Table::new(rules, &router);
    let (mut errors, mut first_error) = (0, None);
    for record in MrtFile::new(reader.take(MAX_BYTES)) {
        match record {
            Ok(record) => record.changes.iter().for_each(|change| table.apply(change, record.table)),
            Err(error) => {
                errors += 1;
                first_error.get_or_insert(error);
                if errors > MAX_ERRORS {
                    break;
                }
            }
        }
        table.check().map_err(|error| failed(error.to_string()))?;
    }
    if let (true, Some(error)) = (table.is_empty(), first_error) {
        return Err(failed(format!("cannot be read as MRT: {error}")));
    }
    assumptions.assumed("unreadable-records", errors, "records cannot be read");
    table.finish(&routers, assumptions).map_err(|error| failed(error.to_string()))
}

/// Decompresses by the first bytes: gzip, or no compression.
fn decompressed(bytes: Vec<u8>) -> Result<Box<dyn BufRead>, &'static str> {
    if bytes.starts_with(b"BZh") {
        return Err("is compressed with bzip2: decompress it with bunzip2 first");
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(Cursor::new(bytes)))));
    }
    Ok(Box::new(Cursor::new(bytes)))
}
