//! The relays by the names that the core knows them by.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use crate::relay_url::{RelayUrl, RelayUrlError};

/// The relays by the names that the core knows them by: their addresses without the query, which
/// may carry a token.
#[derive(Debug, Default)]
pub(crate) struct RelayBook(BTreeMap<String, RelayUrl>);

impl RelayBook {
    pub(crate) fn get(&self, name: &str) -> Option<&RelayUrl> {
        self.0.get(name)
    }

    /// Enters a list and names its relays, each differently.
    pub(crate) fn enter(&mut self, addresses: &[String]) -> Result<Vec<String>, RelayUrlError> {
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

    /// Likewise, without what is no relay's address.
    pub(crate) fn enter_usable(&mut self, addresses: Vec<String>) -> Vec<String> {
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
        self.enter(&usable).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_named_without_their_query_and_each_differently() {
        let mut book = RelayBook::default();
        let addresses = ["moqt://a:1?jwt=secret", "moqt://a:1?jwt=other", "moqt://b:2"];
        let names = book.enter(&addresses.map(str::to_owned)).expect("addresses");
        assert_eq!(names.len(), 3);
        assert!(names.iter().all(|name| !name.contains("jwt")), "{names:?}");
        assert!(book.get(&names[0]) != book.get(&names[1]));
        let usable = book.enter_usable(vec!["nonsense".into(), "moqt://c:3".into()]);
        assert_eq!(usable.len(), 1);
        assert!(book.get(&usable[0]).is_some() && book.get(&names[2]).is_some());
    }
}
