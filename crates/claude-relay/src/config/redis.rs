//! Where Redis is, out of one address or out of the earlier service's parts. Never repeats an address: it may hold a password.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use std::{path::PathBuf, time::Duration};
use store_redis::Topology;

/// The port of a server that names none.
pub(super) const PORT: u16 = 6379;

/// The port of a sentinel that names none.
const SENTINEL_PORT: u16 = 26_379;

/// Servers or sentinels at most: more than anybody lists.
const ADDRESSES_MAX: usize = 64;

/// Redis as the shared store.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// The servers, or the sentinels: host and port, at least one.
    pub addresses: Vec<(String, u16)>,
    /// What stands there.
    pub topology: Topology,
    /// TLS; none: plain TCP.
    pub tls: Option<RedisTls>,
    /// The ACL user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// The database number.
    pub database: u32,
    /// In front of every key.
    pub key_prefix: String,
    /// How long one call may take.
    pub timeout: Duration,
}

/// TLS.
#[derive(Debug, Clone, Default)]
pub struct RedisTls {
    /// A file of certificates (PEM) to believe; none: those that the platform believes.
    pub ca_file: Option<PathBuf>,
}

/// An address as it was written.
#[derive(Debug, Clone)]
pub(super) struct RedisUrl {
    pub(super) addresses: Vec<(String, u16)>,
    pub(super) topology: Topology,
    pub(super) is_tls: bool,
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) database: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Sentinel,
    Cluster,
}

/// Reads an address, or says what one must be.
pub(super) fn url(text: &str) -> Result<RedisUrl, String> {
    let (scheme, rest) = text.split_once("://").ok_or(FORMS)?;
    let (kind, is_tls) = match scheme.to_ascii_lowercase().as_str() {
        "redis" => (Kind::Single, false),
        "rediss" => (Kind::Single, true),
        "redis+cluster" => (Kind::Cluster, false),
        "rediss+cluster" => (Kind::Cluster, true),
        "redis+sentinel" => (Kind::Sentinel, false),
        "rediss+sentinel" => (Kind::Sentinel, true),
        _ => return Err(FORMS.to_owned()),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let addresses = addresses(hosts, if kind == Kind::Sentinel { SENTINEL_PORT } else { PORT })?;
    if kind == Kind::Single && addresses.len() > 1 {
        return Err(
            "names several hosts: write redis+cluster:// for a Cluster, redis+sentinel:// for sentinels".to_owned()
        );
    }
    let (username, password) = credentials(user)?;
    let (topology, database) = topology(kind, path, query)?;
    Ok(RedisUrl { addresses, topology, is_tls, username, password, database })
}

const FORMS: &str = "must be redis://[user:password@]host[:port][/database], rediss:// for TLS, \
    redis+cluster://host:port,host:port or redis+sentinel://host:port,host:port/master-name[/database]";

fn addresses(hosts: &str, port: u16) -> Result<Vec<(String, u16)>, String> {
    let addresses = hosts.split(',').map(|host| address(host, port)).collect::<Result<Vec<_>, _>>()?;
    if addresses.len() > ADDRESSES_MAX {
        return Err(format!("names more than {ADDRESSES_MAX} hosts"));
    }
    Ok(addresses)
}

fn address(text: &str, port: u16) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, Ok(port)),
        Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or_default().parse()),
        None => match text.split_once(':') {
            Some((host, port)) => (host, port.parse()),
            None => (text, Ok(port)),
        },
    };
    match port {
        Ok(port) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => Err("must name each host as `host`, `host:port` or `[::1]:port`".to_owned()),
    }
}

fn credentials(text: &str) -> Result<(Option<String>, Option<SecretString>), String> {
    let (username, password) = text.split_once(':').unwrap_or((text, ""));
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
        decoded.map_err(|_| "has a user or a password that is not UTF-8".to_owned())
    };
    let given = |text: String| (!text.is_empty()).then_some(text);
    Ok((given(decoded(username)?), given(decoded(password)?).map(SecretString::from)))
}

fn topology(kind: Kind, path: &str, query: &str) -> Result<(Topology, Option<u32>), String> {
    let number = |text: &str| match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| "must end in the number of the database".to_owned()),
    };
    match kind {
        Kind::Single => Ok((Topology::Single, number(path)?)),
        Kind::Cluster => match number(path)? {
            None | Some(0) => Ok((Topology::Cluster, None)),
            Some(_) => Err("names a database; a Cluster has only database 0".to_owned()),
        },
        Kind::Sentinel => {
            let (master_name, database) = path.split_once('/').unwrap_or((path, ""));
            if master_name.is_empty() {
                return Err(
                    "must name the master behind the sentinels: redis+sentinel://host:port/master-name".to_owned()
                );
            }
            let mut own = (None, None);
            for (name, value) in
                query.split('&').filter(|part| !part.is_empty()).filter_map(|part| part.split_once('='))
            {
                let (text, secret) = credentials(&format!(
                    "{}:{}",
                    if name == "sentinel_username" { value } else { "" },
                    if name == "sentinel_password" { value } else { "" }
                ))?;
                own = (text.or(own.0), secret.or(own.1));
            }
            let topology = Topology::Sentinel { master_name: master_name.to_owned(), username: own.0, password: own.1 };
            Ok((topology, number(database)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn parsed(text: &str) -> RedisUrl {
        url(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn at(host: &str, port: u16) -> (String, u16) {
        (host.to_owned(), port)
    }

    #[test]
    fn one_server_is_read_with_all_its_parts() {
        let url = parsed("redis://relay:p%40ss%2F1@redis.internal:6380/3");
        assert_eq!(url.addresses, [at("redis.internal", 6380)]);
        assert!(matches!(url.topology, Topology::Single) && !url.is_tls);
        assert_eq!((url.username.as_deref(), url.database), (Some("relay"), Some(3)));
        assert_eq!(url.password.expect("given").expose_secret(), "p@ss/1");
        let bare = parsed("rediss://[::1]");
        assert_eq!((bare.addresses, bare.is_tls, bare.database), (vec![at("::1", 6379)], true, None));
        assert_eq!(parsed("redis://:only-a-password@h").password.expect("given").expose_secret(), "only-a-password");
    }

    #[test]
    fn clusters_and_sentinels_list_their_nodes() {
        let url = parsed("redis+cluster://:s@a:7000,b:7001,[::1]:7002");
        assert_eq!(url.addresses, [at("a", 7000), at("b", 7001), at("::1", 7002)]);
        assert!(matches!(url.topology, Topology::Cluster));
        let url = parsed("rediss+sentinel://u:p@a,b:26380/main/2?sentinel_username=su&sentinel_password=s%3Ap");
        assert_eq!((url.addresses, url.is_tls, url.database), (vec![at("a", 26_379), at("b", 26_380)], true, Some(2)));
        let Topology::Sentinel { master_name, username, password } = url.topology else { panic!("sentinels") };
        assert_eq!((master_name.as_str(), username.as_deref()), ("main", Some("su")));
        assert_eq!(password.expect("given").expose_secret(), "s:p");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for (text, part) in [
            ("localhost:6379", "must be redis://"),
            ("http://:s3cret@h", "must be redis://"),
            ("redis://:s3cret@a,b", "redis+cluster://"),
            ("redis://:s3cret@h:port", "each host"),
            ("redis://:s3cret@", "each host"),
            ("redis://:s3cret@h/x", "number of the database"),
            ("redis+cluster://:s3cret@h/1", "database 0"),
            ("redis+sentinel://:s3cret@h", "master-name"),
            ("redis://:s3cret%ff@h", "UTF-8"),
        ] {
            let error = url(text).expect_err(text);
            assert!(error.contains(part) && !error.contains("s3cret"), "{text}: {error}");
        }
        assert!(!format!("{:?}", parsed("redis://:s3cret@h")).contains("s3cret"));
    }
}
