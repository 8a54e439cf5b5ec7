use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads an address as old clients wrote them, with leading zeros in the parts of an IPv4 address.
fn sloppy(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let parts: Vec<u8> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let four: [u8; 4] = parts.try_into().ok()?;
    Some(IpAddr::V4(Ipv4Addr::from(four)))
}

/// An IPv4 address in the form of IPv6 is the IPv4 address.
fn plain(address: IpAddr) -> (IpAddr, bool) {
    match address {
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => (IpAddr::V4(four), true),
            None => (address, false),
        },
        IpAddr::V4(_) => (address, false),
    }
}

/// What a server warns of in an address that it reads.
pub(super) fn address(path: &str, text: &str) -> Option<String> {
    let read = sloppy(text)?;
    let (shown, mapped) = plain(read);
    if mapped || text.parse::<IpAddr>().is_err() {
        return Some(format!(
            "{path}: non-standard IP address {text:?} is invalid: use {:?}",
            shown.to_string()
        ));
    }
    let canonical = read.to_string();
    (read.is_ipv6() && canonical != text).then(|| {
        format!("{path}: IPv6 address {text:?} should be in RFC 5952 canonical format ({canonical:?})")
    })
}

/// What it warns of in a range of addresses.
pub(super) fn range(path: &str, text: &str) -> Vec<String> {
    let read = |text: &str| {
        let (address, bits) = text.split_once('/')?;
        Some((sloppy(address)?, bits.parse::<u8>().ok()?, address.parse::<IpAddr>().is_ok()))
    };
    let Some((found, bits, strict)) = read(text) else { return Vec::new() };
    let (found, mapped) = plain(found);
    let (bits, most) = match found {
        IpAddr::V4(_) => (if mapped { bits.saturating_sub(96) } else { bits }, 32),
        IpAddr::V6(_) => (bits, 128),
    };
    let network = format!("{}/{bits}", masked(found, bits));
    let mut all = Vec::new();
    if masked(found, bits) != found {
        all.push(format!(
            "{path}: CIDR value {text:?} is ambiguous in this context (should be {network:?} or \"{found}/{most}\"?)"
        ));
    }
    if mapped || !strict {
        all.push(format!("{path}: non-standard CIDR value {text:?} is invalid: use {network:?}"));
    }
    if all.is_empty() && found.is_ipv6() && network != text {
        all.push(format!(
            "{path}: IPv6 CIDR value {text:?} should be in RFC 5952 canonical format ({network:?})"
        ));
    }
    all
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(four) & mask))
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(six) & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_others_read_otherwise_are_warned_of() {
        assert_eq!(address("f", "10.0.0.1"), None);
        let zeros = address("f", "010.0.0.1").unwrap();
        assert_eq!(zeros, "f: non-standard IP address \"010.0.0.1\" is invalid: use \"10.0.0.1\"");
        assert!(address("f", "::ffff:1.2.3.4").unwrap().ends_with("use \"1.2.3.4\""));
        assert!(address("f", "2001:DB8::1").unwrap().contains("canonical format (\"2001:db8::1\")"));
        assert_eq!(range("f", "10.0.0.0/8"), [""; 0]);
        let loose = range("f", "10.0.0.1/8");
        assert_eq!(
            loose,
            [
                "f: CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)"
            ]
        );
        assert_eq!(range("f", "::/0"), [""; 0]);
    }
}
