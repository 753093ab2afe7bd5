//! `catena config get`: DescribeConfigs for people.

use std::io::Write;

use catena_broker::config::resource::Resource;
use catena_protocol::client::{DescribeConfigs, Described, Source, Synonym};
use clap::Args;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::error::CliError;
use super::super::notation;
use super::super::table::Table;

/// `catena config get`.
#[derive(Debug, Args)]
pub struct Get {
    #[arg(value_parser = notation::resource)]
    resource: Resource,
    /// Only this setting, be it default or not.
    #[arg(value_name = "NAME")]
    setting: Option<String>,
    /// Defaults too.
    #[arg(long)]
    all: bool,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

impl Get {
    pub fn run(self, client: &mut Client, out: &mut dyn Write) -> Result<(), CliError> {
        let everything = self.all || self.setting.is_some();
        let mut settings = described(client, &self.resource, self.setting.as_deref())?;
        settings.retain(|setting| everything || setting.source != Source::DEFAULT);
        settings.sort_by(|a, b| a.name.cmp(&b.name));
        if let (Some(name), true) = (&self.setting, settings.is_empty()) {
            let what = notation::written(&self.resource);
            return Err(CliError::NotThere(format!("{what} has no setting {name}")));
        }
        if self.json { lines(&self.resource, &settings, out) } else { table(&settings, out) }
    }
}

/// The settings of a resource as the broker describes them.
pub fn described(client: &mut Client, resource: &Resource, setting: Option<&str>) -> Result<Vec<Described>, CliError> {
    let (resource_type, resource_name) = (notation::resource_type(resource.kind), resource.name.as_str());
    Ok(super::ask(client, resource, &DescribeConfigs { resource_type, resource_name, setting })??)
}

fn table(settings: &[Described], out: &mut dyn Write) -> Result<(), CliError> {
    let mut table = Table::new(&["SETTING", "VALUE", "SOURCE", "BEHIND IT"]);
    for setting in settings {
        let behind: Vec<String> = setting.synonyms.iter().skip(1).map(synonym).collect();
        let value = value(setting.value.as_deref(), setting.sensitive);
        table.push([setting.name.clone(), value, setting.source.name().to_owned(), behind.join(", ")]);
    }
    Ok(table.write_or("nothing is set", out)?)
}

fn synonym(synonym: &Synonym) -> String {
    format!("{}:{}={}", synonym.source.name(), synonym.name, synonym.value.as_deref().unwrap_or("?"))
}

fn value(value: Option<&str>, sensitive: bool) -> String {
    match value {
        Some(value) => value.to_owned(),
        None if sensitive => "(hidden)".to_owned(),
        None => "(none)".to_owned(),
    }
}

fn lines(resource: &Resource, settings: &[Described], out: &mut dyn Write) -> Result<(), CliError> {
    for setting in settings {
        let synonyms: Vec<Value> = setting.synonyms.iter().map(json_synonym).collect();
        let line = json!({
            "resource": notation::written(resource), "setting": setting.name, "value": setting.value,
            "source": setting.source.name(), "read_only": setting.read_only, "sensitive": setting.sensitive,
            "synonyms": synonyms,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn json_synonym(synonym: &Synonym) -> Value {
    json!({"setting": synonym.name, "value": synonym.value, "source": synonym.source.name()})
}
