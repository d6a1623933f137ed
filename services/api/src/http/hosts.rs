//! Who may speak to this server in whose name: the `Host` that a browser was sent to, and the `Origin` of the page that sends.
//!
//! A page of a stranger reaches a server on this machine in two ways: by asking for it directly (its `Origin` tells),
//! or by letting its own name resolve to this machine (the `Host` tells). Both are compared whole, never by their beginning.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use contract::problem::ProblemCode;

use super::problem::Error;

/// The names and origins that are accepted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    /// Names or addresses, some with a port; lower case.
    names: Vec<String>,
    /// For example `https://atelier.example`; lower case.
    origins: Vec<String>,
}

impl Hosts {
    /// Returns the list: names of this machine as seen from itself, `bound` if it is one address, and what is configured.
    pub(crate) fn new(bound: &str, names: &[String], origins: &[String]) -> Self {
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        if bound.parse::<IpAddr>().map_or(true, |address| !address.is_unspecified()) {
            names.push(bound.to_ascii_lowercase());
        }
        let origins = origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        Self { names, origins }
    }

    /// Checks the headers of a request. Returns the foreign origin that may read the answer, if there is one.
    pub(crate) fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Option<HeaderValue>, Error> {
        let host = self.check_host(uri, headers)?;
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (origin, second) = (origins.next(), origins.next());
        if let Some(origin) = origin {
            let text = origin.to_str().unwrap_or_default().to_ascii_lowercase();
            if second.is_none() && self.origins.contains(&text) {
                return Ok(Some(origin.clone()));
            }
            if second.is_some() || !is_same(&text, &host) {
                return Err(refused_origin());
            }
            return Ok(None);
        }
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if changes && matches!(site, Some(b"cross-site" | b"same-site")) {
            return Err(refused_origin());
        }
        Ok(None)
    }

    /// Returns the host and port that the request was sent to.
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, Error> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (first, second) = (hosts.next(), hosts.next());
        let named = first.and_then(|host| host.to_str().ok()).map(str::to_ascii_lowercase);
        let authority = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
        let host = match (named, second, authority) {
            (Some(host), None, None) => host,
            (Some(host), None, Some(authority)) if host == authority => host,
            _ => return Err(refused_host("the request must name one host")),
        };
        if self.knows(&host) {
            return Ok(host);
        }
        Err(refused_host(
            "this server does not answer to the name in the Host header; add it to ATELIER_ALLOWED_HOSTS if it is yours",
        ))
    }

    fn knows(&self, host: &str) -> bool {
        let Some((name, port)) = split(host) else { return false };
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_local = name == "localhost" || address.as_ref().is_ok_and(IpAddr::is_loopback);
        is_local || self.names.iter().any(|known| same_host(known, name, port))
    }
}

/// Returns whether a configured name, with or without a port, is this host.
fn same_host(known: &str, name: &str, port: Option<u16>) -> bool {
    let bare = |name: &str| name.trim_start_matches('[').trim_end_matches(']').to_owned();
    match split(known) {
        Some((known, Some(known_port))) => bare(known) == bare(name) && Some(known_port) == port,
        Some((known, None)) => bare(known) == bare(name),
        // An IPv6 address that is configured without brackets.
        None => known == bare(name),
    }
}

/// Splits `name:port`; none if it is neither that nor a name alone.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            (&host[..end], &host[end..])
        }
        None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    match port {
        "" => Some((name, None)),
        port => {
            let digits = port.strip_prefix(':')?;
            let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten().map(|port| (name, Some(port)))
        }
    }
}

/// Returns whether an origin is the host that the request was sent to.
fn is_same(origin: &str, host: &str) -> bool {
    let (bare, default_port) = match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
        (Some(bare), _) => (bare, ":80"),
        (_, Some(bare)) => (bare, ":443"),
        _ => return false,
    };
    bare == host || format!("{bare}{default_port}") == host || bare == format!("{host}{default_port}")
}

fn refused_host(detail: &str) -> Error {
    Error::new(ProblemCode::HostRefused, detail)
}

fn refused_origin() -> Error {
    let detail = "this web page may not use the server; add its origin to ATELIER_ALLOWED_ORIGINS if it is yours";
    Error::new(ProblemCode::OriginRefused, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts::new(
            "0.0.0.0",
            &["Studio.Example".to_owned(), "fixed.example:444".to_owned(), "fd00::7".to_owned()],
            &["https://app.example/".to_owned()],
        )
    }

    fn check(method: &Method, headers: &[(&'static str, &str)]) -> Result<bool, ProblemCode> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let answer = hosts().check(method, &Uri::from_static("/api/jobs"), &map);
        answer.map(|foreign| foreign.is_some()).map_err(|error| error.into_words().0)
    }

    #[test]
    fn only_names_of_this_server_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:9",
            "[::1]:8080",
            "[0:0:0:0:0:0:0:1]",
            "studio.example",
            "studio.example:8443",
            "fixed.example:444",
            "[fd00::7]:80",
        ] {
            assert_eq!(check(&Method::GET, &[("host", host)]), Ok(false), "{host}");
        }
        for host in [
            "localhost.evil.com",
            "127.0.0.1.nip.io",
            "localhost.",
            "localhost@evil.com",
            "evil.com#localhost",
            "localhost:80:80",
            "localhost:",
            "localhost:99999",
            "0.0.0.0",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[::1",
            "0x7f.1",
            "2130706433",
            "192.168.1.5",
            "fixed.example",
            "fixed.example:445",
            "",
        ] {
            assert_eq!(check(&Method::GET, &[("host", host)]), Err(ProblemCode::HostRefused), "{host}");
        }
        assert_eq!(check(&Method::GET, &[]), Err(ProblemCode::HostRefused));
        assert_eq!(check(&Method::GET, &[("host", "localhost"), ("host", "x")]), Err(ProblemCode::HostRefused));
    }

    #[test]
    fn only_pages_of_this_server_and_of_the_list_are_answered() {
        let local = ("host", "localhost:8080");
        let post = |headers: &[(&'static str, &str)]| check(&Method::POST, headers);
        assert_eq!(post(&[local]), Ok(false));
        assert_eq!(post(&[local, ("origin", "http://localhost:8080")]), Ok(false));
        assert_eq!(post(&[("host", "localhost"), ("origin", "http://localhost:80")]), Ok(false));
        assert_eq!(post(&[local, ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")]), Ok(true));
        assert_eq!(post(&[local, ("sec-fetch-site", "same-origin")]), Ok(false));
        for origin in [
            "null",
            "",
            "http://localhost",
            "http://localhost:8081",
            "http://localhost:8080.evil.com",
            "http://localhost:8080@evil.com",
            "http://127.0.0.1:8080",
            "https://app.example.evil.com",
            "https://app.example:8443",
            "http://app.example",
            "file://",
        ] {
            assert_eq!(post(&[local, ("origin", origin)]), Err(ProblemCode::OriginRefused), "{origin}");
        }
        assert_eq!(post(&[local, ("sec-fetch-site", "cross-site")]), Err(ProblemCode::OriginRefused));
        assert_eq!(check(&Method::GET, &[local, ("sec-fetch-site", "cross-site")]), Ok(false));
        // The host of a stranger stays a stranger's even if the page comes from there: that is DNS rebinding.
        let rebound = [("host", "evil.com"), ("origin", "http://evil.com")];
        assert_eq!(post(&rebound), Err(ProblemCode::HostRefused));
    }
}
