//! Which addresses are public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Special-purpose blocks of IPv4 (IANA's registry, RFC 6890 and its successors), and one public
/// address that clouds answer on from the inside.
const SPECIAL_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),        // this network
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // carrier-grade NAT
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // the wire server of Azure
    ([169, 254, 0, 0], 16),   // link-local, metadata services
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // AS112
    ([192, 88, 99, 0], 24),   // 6to4 relays
    ([192, 168, 0, 0], 16),   // private
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 4),      // multicast
    ([240, 0, 0, 0], 4),      // reserved, broadcast
];

/// Blocks within IPv6's global unicast (`2000::/3`) that are no ordinary hosts.
const SPECIAL_V6: &[(u128, u32)] = &[
    (0x2001_0000 << 96, 23), // protocol assignments: Teredo, ORCHID, benchmarks
    (0x2001_0db8 << 96, 32), // documentation
    (0x2002_0000 << 96, 16), // 6to4, which hides an IPv4 address
    (0x2620_004f << 96, 32), // AS112
    (0x3fff_0000 << 96, 20), // documentation
];

/// Whether an address belongs to an ordinary host of the public internet. Of IPv6 only the global
/// unicast block does, so neither mapped nor translated IPv4 addresses (`::ffff:…`, `64:ff9b::…`).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !SPECIAL_V4.iter().any(|(block, prefix)| (bits ^ u32::from_be_bytes(*block)) >> (32 - prefix) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    bits >> 125 == 0b001 && !SPECIAL_V6.iter().any(|(block, prefix)| (bits ^ block) >> (128 - prefix) == 0)
}
