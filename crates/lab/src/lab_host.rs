//! One host of a lab: its name and its addresses.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::lab_data::{LabData, LabSize};

/// The address of the hub, over which hosts reach the lab's internet and each other.
pub(crate) const HUB: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// One host of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabHost {
    /// Its name: the role, and where there can be several hosts of it, the number.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Which host of its role it is, counted from 1.
    pub number: u32,
    /// The address by which it is reached "from outside".
    pub address: Ipv4Addr,
    /// The address of its network card.
    pub private_address: Ipv4Addr,
}

impl LabHost {
    /// The hosts of a lab of this size.
    pub(crate) fn all(data: &LabData, size: &LabSize) -> Vec<Self> {
        let mut hosts = Vec::new();
        for (role, count) in &size.roles {
            for number in 1..=*count {
                // `LabData` allows no more than MOST_HOSTS.
                let last = u8::try_from(hosts.len() + 11).unwrap_or(u8::MAX);
                hosts.push(Self {
                    name: if data.is_single(role) {
                        role.clone()
                    } else {
                        format!("{role}{number}")
                    },
                    role: role.clone(),
                    number,
                    address: Ipv4Addr::new(203, 0, 113, last),
                    private_address: Ipv4Addr::new(10, 77, 0, last),
                });
            }
        }
        hosts
    }

    /// The address of its network card on the wire. It is fixed: with a new one after every reboot the
    /// neighbours would keep sending to the old one for up to half a minute.
    pub(crate) fn mac(&self) -> String {
        let [_, _, high, low] = self.private_address.octets();
        format!("02:77:00:00:{high:02x}:{low:02x}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn hosts_are_numbered_where_there_can_be_several() {
        let files = [
            ("login", "user"),
            ("sizes", "small boot=1 node=1\nlarge boot=1 node=2\n"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let data = LabData::read(BTreeMap::from(files)).unwrap();
        let hosts = LabHost::all(&data, data.size("small").unwrap());
        let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["boot", "node1"]);
        assert_eq!(hosts[1].address.to_string(), "203.0.113.12");
        assert_eq!(hosts[1].private_address.to_string(), "10.77.0.12");
        assert_eq!(hosts[1].mac(), "02:77:00:00:00:0c");
        assert_eq!(hosts[1].number, 1);
    }
}
