//! The check of the host for the pre-call test (R31). The core judges the facts that it reports.

use std::net::{Ipv4Addr, Ipv6Addr};

use holdline_core::Input;
use holdline_core::pre_call::HostReport;

use crate::network::Network;

/// Addresses for documentation (RFC 5737, RFC 3849). The host routes them like any Internet
/// address.
const ANY_IPV4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ANY_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Checks which address families the host can send to. For IPv4 loopback is enough, because a relay
/// on this host needs no route to the Internet.
pub(crate) async fn check(network: &dyn Network, trust_roots: u32) -> Input {
    let ipv4 = network.can_send_to((ANY_IPV4, 443).into()).await
        || network.can_send_to((Ipv4Addr::LOCALHOST, 443).into()).await;
    let ipv6 = network.can_send_to((ANY_IPV6, 443).into()).await;
    Input::HostChecked { host: HostReport { ipv4, ipv6, trust_roots } }
}
