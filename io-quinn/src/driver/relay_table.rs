//! The relays of a call, by the core's names for them.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use crate::relay_url::{RelayUrl, RelayUrlError};

/// The addresses of the relays by the core's names for them. A name is the address without its
/// query, which may carry a token.
#[derive(Debug, Default)]
pub(crate) struct RelayTable(BTreeMap<String, RelayUrl>);

impl RelayTable {
    pub(crate) fn get(&self, name: &str) -> Option<&RelayUrl> {
        self.0.get(name)
    }

    /// Inserts a list of relays. Returns their names, each of them unique in the list.
    pub(crate) fn insert(&mut self, addresses: &[String]) -> Result<Vec<String>, RelayUrlError> {
        let mut names = Vec::new();
        for address in addresses {
            let url = RelayUrl::from_str(address)?;
            let plain = format!("{url:?}");
            let mut name = plain.clone();
            for number in 2.. {
                if !names.contains(&name) {
                    break;
                }
                name = format!("{plain} ({number})");
            }
            self.0.insert(name.clone(), url);
            names.push(name);
        }
        Ok(names)
    }

    /// Inserts the valid addresses of a list, and leaves the others out.
    pub(crate) fn insert_usable(&mut self, addresses: Vec<String>) -> Vec<String> {
        let usable: Vec<String> = addresses
            .into_iter()
            .filter(|address| match RelayUrl::from_str(address) {
                Ok(_) => true,
                Err(error) => {
                    tracing::warn!(%error, "a relay is left out");
                    false
                }
            })
            .collect();
        self.insert(&usable).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_have_unique_names_without_their_query() {
        let mut table = RelayTable::default();
        let addresses = ["moqt://a:1?jwt=secret", "moqt://a:1?jwt=other", "moqt://b:2"];
        let names = table.insert(&addresses.map(str::to_owned)).expect("addresses");
        assert_eq!(names.len(), 3);
        assert!(names.iter().all(|name| !name.contains("jwt")), "{names:?}");
        assert!(table.get(&names[0]) != table.get(&names[1]));
        let usable = table.insert_usable(vec!["nonsense".into(), "moqt://c:3".into()]);
        assert_eq!(usable.len(), 1);
        assert!(table.get(&usable[0]).is_some() && table.get(&names[2]).is_some());
    }
}
