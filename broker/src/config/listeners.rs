//! Where the broker listens, and where it tells clients to connect.
//!
//! What must always hold: listener names are unique, in upper case, and mapped to a protocol that Catena speaks; every
//! advertised listener is one that is listened on. Listeners for KRaft controllers never get here.

use crate::config::bounds::list_items;
use crate::config::error::{ConfigError, InvalidValue, Warning};
use crate::config::settings::{Settings, definition};
use crate::config::value;

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const PROTOCOL_MAP: &str = "listener.security.protocol.map";
const CONTROLLER_NAMES: &str = "controller.listener.names";
const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// A named address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name, in upper case.
    pub name: String,
    /// Host name or address without brackets; empty means every interface (listening) or this host (advertised).
    pub host: String,
    /// Port; 0 means a free one (listening), or the one that was bound (advertised).
    pub port: u16,
}

/// One listener: where it listens and how clients reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where to listen.
    pub bind: Endpoint,
    /// Where clients should connect; `None` for a listener that is not advertised.
    pub advertised: Option<Endpoint>,
}

/// Resolves `listeners`, `advertised.listeners` and the protocol map.
///
/// # Errors
/// Malformed or duplicate listeners, an unknown protocol or one that is not supported yet, and advertised listeners
/// that are not listened on or have no routable host.
pub fn resolve(settings: &Settings) -> Result<(Vec<Listener>, Vec<Warning>), ConfigError> {
    let controllers = names(settings.text(CONTROLLER_NAMES)?);
    let (binds, ignored): (Vec<_>, Vec<_>) = endpoints(settings, LISTENERS)?
        .unwrap_or_default()
        .into_iter()
        .partition(|endpoint| !controllers.contains(&endpoint.name));
    check_names(settings, &binds)?;
    let advertised = match endpoints(settings, ADVERTISED)? {
        Some(mut endpoints) => {
            endpoints.retain(|endpoint| !controllers.contains(&endpoint.name));
            check_subset(settings, &endpoints, &binds)?;
            endpoints
        }
        None => binds.clone(),
    };
    check_routable(settings, &advertised)?;
    let listeners = binds.into_iter().map(|bind| pair(bind, &advertised)).collect();
    Ok((listeners, ignored.into_iter().map(|endpoint| Warning::ControllerListener(endpoint.name)).collect()))
}

fn pair(bind: Endpoint, advertised: &[Endpoint]) -> Listener {
    let advertised = advertised.iter().find(|endpoint| endpoint.name == bind.name).cloned();
    Listener { bind, advertised }
}

fn names(list: Option<&str>) -> Vec<String> {
    list.map(|text| list_items(text).map(str::to_ascii_uppercase).collect()).unwrap_or_default()
}

fn endpoints(settings: &Settings, name: &'static str) -> Result<Option<Vec<Endpoint>>, ConfigError> {
    let Some(text) = settings.text(name)? else { return Ok(None) };
    let endpoints: Option<Vec<_>> = list_items(text).map(endpoint).collect();
    match endpoints {
        Some(endpoints) if !endpoints.is_empty() => Ok(Some(endpoints)),
        Some(_) => Err(refuse(settings, name, "must not be empty")?),
        None => Err(refuse(settings, name, "every item must be of the form NAME://host:port")?),
    }
}

/// Reads `NAME://host:port`; an IPv6 address stands in brackets.
fn endpoint(text: &str) -> Option<Endpoint> {
    let (name, address) = text.split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let name_is_valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let port = port.parse().ok()?;
    name_is_valid.then(|| Endpoint { name: name.to_ascii_uppercase(), host: host.to_owned(), port })
}

fn check_names(settings: &Settings, binds: &[Endpoint]) -> Result<(), ConfigError> {
    if binds.is_empty() {
        return Err(refuse(settings, LISTENERS, "no listener for clients is among them")?);
    }
    for (index, bind) in binds.iter().enumerate() {
        if binds[..index].iter().any(|other| other.name == bind.name) {
            return Err(refuse(settings, LISTENERS, "Each listener must have a different name")?);
        }
        check_protocol(settings, &bind.name)?;
    }
    Ok(())
}

fn check_protocol(settings: &Settings, listener: &str) -> Result<(), ConfigError> {
    let map = settings.text(PROTOCOL_MAP)?.unwrap_or_default();
    for item in list_items(map) {
        let protocol = item.rsplit_once(':').map_or("", |(_, protocol)| protocol.trim());
        if !PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(protocol)) {
            return Err(refuse(settings, PROTOCOL_MAP, &format!("Invalid security protocol in '{item}'"))?);
        }
    }
    let mapped = list_items(map)
        .filter_map(|item| item.rsplit_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(listener));
    match mapped {
        Some((_, protocol)) if protocol.trim().eq_ignore_ascii_case("PLAINTEXT") => Ok(()),
        Some((_, protocol)) => {
            let reason = format!("listener {listener} asks for {}, only PLAINTEXT is supported yet", protocol.trim());
            Err(refuse(settings, LISTENERS, &reason)?)
        }
        None => Err(refuse(settings, LISTENERS, &format!("No security protocol defined for listener {listener}"))?),
    }
}

fn check_subset(settings: &Settings, advertised: &[Endpoint], binds: &[Endpoint]) -> Result<(), ConfigError> {
    if advertised.iter().all(|endpoint| binds.iter().any(|bind| bind.name == endpoint.name)) {
        return Ok(());
    }
    let valid: Vec<_> = binds.iter().map(|bind| bind.name.as_str()).collect();
    let reason = format!(
        "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. \
         The valid options based on the current configuration are {}",
        valid.join(",")
    );
    Err(refuse(settings, ADVERTISED, &reason)?)
}

fn check_routable(settings: &Settings, advertised: &[Endpoint]) -> Result<(), ConfigError> {
    if advertised.iter().all(|endpoint| endpoint.host != "0.0.0.0" && endpoint.host != "::") {
        return Ok(());
    }
    let reason = "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.";
    Err(refuse(settings, ADVERTISED, reason)?)
}

fn refuse(settings: &Settings, name: &'static str, reason: &str) -> Result<ConfigError, ConfigError> {
    let definition = definition(name)?;
    let found: InvalidValue = value::invalid(definition, settings.effective(definition).unwrap_or("null"), reason);
    Ok(found.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(overrides: &[&str]) -> Result<(Vec<Listener>, Vec<Warning>), ConfigError> {
        let overrides: Vec<_> = overrides.iter().map(|text| (*text).to_owned()).collect();
        resolve(&Settings::read(None, &overrides)?.0)
    }

    fn reason(overrides: &[&str]) -> String {
        match resolved(overrides) {
            Err(ConfigError::Invalid(error)) => error.reason,
            other => panic!("{overrides:?}: {other:?}"),
        }
    }

    fn at(name: &str, host: &str, port: u16) -> Endpoint {
        Endpoint { name: name.to_owned(), host: host.to_owned(), port }
    }

    #[test]
    fn without_settings_it_listens_on_the_loopback_address() {
        let (listeners, warnings) = resolved(&[]).expect("valid");
        let local = at("PLAINTEXT", "127.0.0.1", 9092);
        assert_eq!(listeners, [Listener { bind: local.clone(), advertised: Some(local) }]);
        assert!(warnings.is_empty());
    }

    #[test]
    fn a_listener_can_be_advertised_elsewhere_or_not_at_all() {
        let (listeners, _) = resolved(&[
            "listeners=PLAINTEXT://:9092,inside://[::1]:0",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT",
            "advertised.listeners=PLAINTEXT://kafka.example:19092",
        ])
        .expect("valid");
        assert_eq!(listeners[0].bind, at("PLAINTEXT", "", 9092));
        assert_eq!(listeners[0].advertised, Some(at("PLAINTEXT", "kafka.example", 19092)));
        assert_eq!(listeners[1], Listener { bind: at("INSIDE", "::1", 0), advertised: None });
    }

    #[test]
    fn a_controller_listener_is_ignored_with_a_warning() {
        let (listeners, warnings) = resolved(&[
            "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
            "controller.listener.names=CONTROLLER",
        ])
        .expect("valid");
        assert_eq!(listeners.len(), 1);
        assert_eq!(warnings, [Warning::ControllerListener("CONTROLLER".to_owned())]);
    }

    #[test]
    fn listeners_that_cannot_work_are_refused_with_the_reason() {
        let cases: &[(&[&str], &str)] = &[
            (&["listeners="], "must not be empty"),
            (&["listeners=PLAINTEXT//x"], "every item must be of the form NAME://host:port"),
            (&["listeners=PLAINTEXT://a:70000"], "every item must be of the form NAME://host:port"),
            (&["listeners=PLAINTEXT://a:1,PLAINTEXT://b:2"], "Each listener must have a different name"),
            (&["listeners=EXT://a:1"], "No security protocol defined for listener EXT"),
            (&["listeners=SSL://a:1"], "listener SSL asks for SSL, only PLAINTEXT is supported yet"),
            (&["listener.security.protocol.map=PLAINTEXT:FOO"], "Invalid security protocol in 'PLAINTEXT:FOO'"),
            (&["listener.security.protocol.map=PLAINTEXT"], "Invalid security protocol in 'PLAINTEXT'"),
            (
                &["advertised.listeners=PLAINTEXT://0.0.0.0:1"],
                "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.",
            ),
            (
                &["advertised.listeners=SSL://a:1"],
                "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. \
                 The valid options based on the current configuration are PLAINTEXT",
            ),
        ];
        for (overrides, expected) in cases {
            assert_eq!(&reason(overrides), expected, "{overrides:?}");
        }
    }
}
