//! The address of a relay.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The address of a relay: `moqt://host[:port][/path][?query]`, for MoQ over QUIC without
/// WebTransport (draft-ietf-moq-transport-18, section 3.1.2). The default port is 443.
///
/// [`Display`](fmt::Display) prints the whole address. [`Debug`](fmt::Debug) leaves the query out,
/// because it may carry a token.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayUrl {
    url: Url,
    host: String,
}

/// Why a text is not the address of a relay. The message names the text without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a relay's address: {problem}")]
pub struct RelayUrlError {
    given: String,
    problem: &'static str,
}

impl RelayUrl {
    /// The host: a domain name, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port; 443 if the address gives none.
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(443)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

impl FromStr for RelayUrl {
    type Err = RelayUrlError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        // The message leaves the query out, because it may carry a token.
        let plain = given.split('?').next().unwrap_or_default();
        let refuse = |problem| RelayUrlError { given: plain.to_owned(), problem };
        if !given.contains("://") {
            return Err(refuse("it has no scheme; write moqt://host:port"));
        }
        let mut url =
            Url::parse(given).map_err(|_| refuse("it is not a URL; write moqt://host:port"))?;
        if url.scheme() != "moqt" {
            return Err(refuse("its scheme is not moqt"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // The message does not repeat the user name and password.
            let given = "moqt://…".to_owned();
            return Err(RelayUrlError {
                given,
                problem: "it must not contain a user name or password",
            });
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Domain(_)) | None => return Err(refuse("it names no host")),
        };
        if url.port() == Some(0) {
            return Err(refuse("port 0 cannot be dialled"));
        }
        if url.path().is_empty() && url.query().is_some() {
            // PATH must begin with a slash if it is not empty (RFC 3986 section 3.3).
            url.set_path("/");
        }
        Ok(Self { url, host })
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// Prints the address without the query, which may carry a token.
impl fmt::Debug for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "moqt://{host}:{}{}", self.port(), self.url.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        let parse = |given: &str| {
            let url = RelayUrl::from_str(given).expect(given);
            (url.host().to_owned(), url.port())
        };
        assert_eq!(parse("moqt://relay.example"), ("relay.example".to_owned(), 443));
        assert_eq!(parse("moqt://127.0.0.1:4443/scope"), ("127.0.0.1".to_owned(), 4443));
        assert_eq!(parse("moqt://[::1]:4443"), ("::1".to_owned(), 4443));
    }

    #[test]
    fn an_invalid_address_is_refused_with_the_reason() {
        for (given, problem) in [
            ("127.0.0.1:4443", "no scheme"),
            ("relay.example", "no scheme"),
            ("", "no scheme"),
            ("https://relay.example", "not moqt"),
            ("moqt://", "no host"),
            ("moqt://relay.example:0", "port 0"),
            ("moqt://relay.example:99999", "not a URL"),
        ] {
            let error = RelayUrl::from_str(given).expect_err(given).to_string();
            assert!(error.contains(problem) && error.contains(given), "{given}: {error}");
        }
    }

    #[test]
    fn no_message_repeats_a_secret_in_an_address() {
        let error = RelayUrl::from_str("moqt://me:hunter2@relay.example").expect_err("a password");
        assert!(
            !error.to_string().contains("hunter2") && !format!("{error:?}").contains("hunter2")
        );
        for given in ["moqt://relay.example:0?jwt=hunter2", "relay.example?jwt=hunter2"] {
            let error = RelayUrl::from_str(given).expect_err("unusable");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let url = RelayUrl::from_str("moqt://relay.example?jwt=hunter2").expect("valid");
        assert_eq!(url.to_string(), "moqt://relay.example/?jwt=hunter2", "a path needs its slash");
        let url = RelayUrl::from_str("moqt://relay.example/room?jwt=hunter2").expect("valid");
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
