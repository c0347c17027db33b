//! The table as a file: a header, then one fixed-length record per peer.
//!
//! The file is replaced as a whole, so that a crash leaves the one before. How much of the leases is left is not saved:
//! they begin anew.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use super::entry::bytes;
use super::{Announcement, Locator, Swarms};
use crate::peer::PeerAddress;
use crate::time::Timestamp;

/// First bytes of the file, with the version of its form.
const HEADER: &[u8; 16] = b"alto swarms 1\n\0\0";
/// Infohash, address, port, completeness, identity, finished downloads of the swarm.
const RECORD: usize = 20 + 16 + 2 + 1 + 8 + 4;

/// File of swarms that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file or its folder cannot be read or written.
    #[error("{}: {source}; check that the folder exists, is writable and has room", path.display())]
    Io {
        /// File that was to be read or written.
        path: PathBuf,
        /// Reason that the operating system gives.
        source: io::Error,
    },
    /// The file is not one of swarms, or of another version.
    #[error("{}: is not a file of swarms that this version writes; move it away to start with none", path.display())]
    Form {
        /// File that was to be read.
        path: PathBuf,
    },
}

impl Swarms {
    /// Writes all peers to a file, and returns their number.
    pub fn save(&self, path: &Path) -> Result<usize, SavedError> {
        let failed = |source| SavedError::Io { path: path.to_owned(), source };
        let unfinished = path.with_extension("new");
        let mut file = File::create(&unfinished).map_err(failed)?;
        let written = self.write(&mut file).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&unfinished, path).map_err(failed)?;
        Ok(written)
    }

    /// Writes header and records. Announcements do not wait for `out`, which may be a slow disk.
    fn write(&self, out: &mut impl Write) -> io::Result<usize> {
        out.write_all(HEADER)?;
        let mut written = 0;
        for records in self.parts(encode) {
            written += records.len() / RECORD;
            out.write_all(&records)?;
        }
        Ok(written)
    }

    /// Reads back what [`Swarms::save`] wrote, and returns the number of peers. A file that does not exist has none.
    pub fn load(&self, path: &Path, locator: &dyn Locator, now: Timestamp) -> Result<usize, SavedError> {
        let failed = |source| SavedError::Io { path: path.to_owned(), source };
        let form = || SavedError::Form { path: path.to_owned() };
        let file = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            // Opening a named pipe would wait for its other end.
            Ok(found) if !found.is_file() => return Err(form()),
            _ => File::open(path).map_err(failed)?,
        };
        let mut file = BufReader::new(file);
        let mut header = [0; HEADER.len()];
        if file.read_exact(&mut header).is_err() || header != *HEADER {
            return Err(form());
        }
        let (mut read, mut record) = (0, [0; RECORD]);
        loop {
            match file.read_exact(&mut record) {
                // The end, or a record that was cut off.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(read),
                result => result.map_err(failed)?,
            }
            let (peer, finished) = decode(&record).ok_or_else(form)?;
            self.restore(&peer, finished, locator, now);
            read += 1;
        }
    }
}

/// Appends the record of a peer.
fn encode(records: &mut Vec<u8>, peer: &Announcement, finished: u32) {
    records.extend(peer.infohash);
    records.extend(bytes(peer.address.ip()));
    records.extend(peer.address.port().to_be_bytes());
    records.push(u8::from(peer.complete));
    records.extend(peer.identity.unwrap_or_default().to_be_bytes());
    records.extend(finished.to_be_bytes());
}

fn decode(record: &[u8]) -> Option<(Announcement, u32)> {
    let (infohash, rest) = record.split_first_chunk::<20>()?;
    let (address, rest) = rest.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let ([complete], rest) = rest.split_first_chunk::<1>()?;
    let (identity, rest) = rest.split_first_chunk::<8>()?;
    let (finished, _) = rest.split_first_chunk::<4>()?;
    let peer = Announcement {
        infohash: *infohash,
        address: PeerAddress::new(IpAddr::V6(Ipv6Addr::from(*address)), u16::from_be_bytes(*port)),
        identity: Some(u64::from_be_bytes(*identity)).filter(|identity| *identity != 0),
        complete: *complete != 0,
        finished: false,
    };
    Some((peer, u32::from_be_bytes(*finished)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::super::{Place, SwarmLimits};
    use super::*;

    struct Nowhere;

    impl Locator for Nowhere {
        fn version(&self) -> u64 {
            0
        }

        fn place(&self, _: IpAddr) -> Place {
            Place(0)
        }
    }

    fn announce_everywhere(swarms: &Swarms, port: u16) {
        for number in 0..200 {
            let address = PeerAddress::new(IpAddr::from([192, 0, 2, number]), port);
            let peer =
                Announcement { infohash: [number; 20], address, identity: None, complete: false, finished: false };
            swarms.announce(&peer, &Nowhere, Timestamp::default(), |_| ()).unwrap();
        }
    }

    /// Disk that is written to only after peers of all swarms have announced themselves.
    struct SlowDisk(Arc<Swarms>, Vec<u8>);

    impl Write for SlowDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (swarms, (sender, receiver)) = (Arc::clone(&self.0), mpsc::channel());
            std::thread::spawn(move || {
                announce_everywhere(&swarms, 6881);
                let _gave_up = sender.send(());
            });
            receiver.recv_timeout(Duration::from_mins(1)).map_err(io::Error::other)?;
            self.1.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn announcements_do_not_wait_for_the_disk_that_swarms_are_saved_on() {
        let limits = SwarmLimits { lease: Duration::from_hours(1), peers: 1000, peers_per_address: 10, swarms: 1000 };
        let swarms = Arc::new(Swarms::new(limits));
        announce_everywhere(&swarms, 6881);
        let mut disk = SlowDisk(Arc::clone(&swarms), Vec::new());
        assert_eq!(swarms.write(&mut disk).unwrap(), 200);
        assert_eq!(disk.1.len(), HEADER.len() + 200 * RECORD);
    }
}
