//! What this host can do (R31): facts for the core to judge.

use std::net::{Ipv4Addr, Ipv6Addr};

use holdline_core::{HostReport, Input};

use crate::network::Network;

/// Addresses for documentation (RFC 5737, RFC 3849): routed like every address of the Internet.
const ANY_IPV4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ANY_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Looks at the network. A relay on this very host needs no route to others, so loopback will do
/// for IPv4.
pub(crate) async fn check(network: &dyn Network, trust_roots: u32) -> Input {
    let ipv4 = network.can_send_to((ANY_IPV4, 443).into()).await
        || network.can_send_to((Ipv4Addr::LOCALHOST, 443).into()).await;
    let ipv6 = network.can_send_to((ANY_IPV6, 443).into()).await;
    Input::HostChecked { host: HostReport { ipv4, ipv6, trust_roots } }
}
