//! Networks of places, such as cities: each becomes a switch with a PID, addresses of its own and, if wanted, hosts; delays
//! derive from distances.

use topo::file::{HostFile, TopologyFile};

use super::parts;

/// Largest number of places, for which there are addresses below 10.0.0.0/8.
pub const MAX_PLACES: usize = 65_536;
/// Smallest delay of a link in milliseconds: places in one city have the same coordinates.
pub const DELAY_FLOOR: f64 = 0.05;

/// Kilometres that light in fibre travels in a millisecond: two thirds of its speed in vacuum.
const KILOMETRES_PER_MILLISECOND: f64 = 199.86;
/// Mean radius of the Earth in kilometres.
const EARTH_RADIUS: f64 = 6371.0;
/// Bandwidth of the link between a generated host and its switch, in Mbit/s.
const ACCESS_BANDWIDTH: f64 = 1000.0;

/// Adds the PID of the place that has a rank, with the prefixes of the rank, and `hosts` hosts at its switch, at most 250.
pub fn add_pid(file: &mut TopologyFile, switch: &str, rank: usize, hosts: u8) {
    let ipv4 = format!("10.{}.{}", rank / 256, rank % 256);
    let ipv6 = if rank == 0 { "fd00:".to_owned() } else { format!("fd00:0:0:{rank:x}:") };
    let mut pid = parts::pid(switch);
    pid.ipv4.push(format!("{ipv4}.0/24"));
    pid.ipv6.push(format!("{ipv6}:/64"));
    file.pids.get_or_insert_default().insert(switch.to_owned(), pid);
    for number in 1..=hosts {
        let name = format!("{switch}.h{number}");
        let ips = vec![format!("{ipv4}.{number}/24"), format!("{ipv6}:{number:x}/64")];
        file.links.push(parts::link(&name, switch, ACCESS_BANDWIDTH, DELAY_FLOOR));
        file.hosts.push(HostFile { name, ip: None, ips: Some(ips) });
    }
}

/// Returns the delay of a fibre in milliseconds, from its length in kilometres.
pub fn delay(kilometres: f64) -> f64 {
    kilometres / KILOMETRES_PER_MILLISECOND
}

/// Returns the great-circle distance between two positions (latitude and longitude in degrees) in kilometres, by the
/// haversine formula.
pub fn great_circle(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (from_latitude, to_latitude) = (from.0.to_radians(), to.0.to_radians());
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let a = half(from.0, to.0) + from_latitude.cos() * to_latitude.cos() * half(from.1, to.1);
    2.0 * EARTH_RADIUS * a.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_globe() {
        // London to Paris, and half around the Earth.
        assert!((great_circle((51.5074, -0.1278), (48.8566, 2.3522)) - 343.6).abs() < 1.0);
        assert!((great_circle((0.0, 0.0), (0.0, 180.0)) - 20_015.1).abs() < 0.1);
    }
}
