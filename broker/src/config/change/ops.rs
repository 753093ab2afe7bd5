//! Operations on values, before anybody asks whether the result makes sense.
//!
//! What must always hold: each setting that is named in an alteration is touched once; what an operation makes of a
//! list depends on nothing but the list and the operation.
//!
//! Source: Apache Kafka, `ConfigurationControlManager.incrementalAlterConfigResource`, `legacyAlterConfigResource`.

use std::collections::BTreeMap;

use super::{AlterError, Ask, Change, Op, REASON, VALUE_BYTES_MAX, VERSION, Values};

/// An alteration without what is only said about it.
pub struct Asked {
    /// The settings.
    pub ask: Ask,
    /// Why.
    pub reason: Option<String>,
    /// The version that the changed setting must have now.
    pub expected_version: Option<u64>,
}

/// Takes the names that are not settings out of an alteration.
pub fn without_remarks(ask: &Ask) -> Result<Asked, AlterError> {
    let mut remarks = Remarks::default();
    let ask = match ask {
        Ask::Incremental(ops) => {
            let kept = ops.iter().filter_map(|(name, op)| remarks.take(name, set_value(op), (name, op)));
            Ask::Incremental(kept.map(|(name, op)| (name.clone(), op.clone())).collect())
        }
        Ask::Replace(values) => {
            let kept = values.iter().filter_map(|(name, value)| remarks.take(name, Some(value), (name, value)));
            Ask::Replace(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
    };
    let Remarks { reason, version } = remarks;
    let reason = reason.map(|text| text.ok_or(AlterError::RemarkNotSet(REASON))).transpose()?;
    if let Some(bytes) = reason.as_ref().map(String::len).filter(|bytes| *bytes > VALUE_BYTES_MAX) {
        return Err(AlterError::TooLong { setting: REASON.to_owned(), bytes });
    }
    let version = version.map(|text| text.ok_or(AlterError::RemarkNotSet(VERSION))).transpose()?;
    let number = |text: String| text.trim().parse().map_err(|_| AlterError::NotAVersion(text));
    Ok(Asked { ask, reason, expected_version: version.map(number).transpose()? })
}

fn set_value(op: &Op) -> Option<&String> {
    match op {
        Op::Set(value) => Some(value),
        Op::Delete | Op::Append(_) | Op::Subtract(_) => None,
    }
}

/// What is said about a change; the inner `None` is a remark that is not set but deleted or appended to.
#[derive(Default)]
struct Remarks {
    reason: Option<Option<String>>,
    version: Option<Option<String>>,
}

impl Remarks {
    /// Keeps a remark, gives everything else back.
    fn take<T>(&mut self, name: &str, value: Option<&String>, entry: T) -> Option<T> {
        match name {
            REASON => self.reason = Some(value.cloned()),
            VERSION => self.version = Some(value.cloned()),
            _ => return Some(entry),
        }
        None
    }
}

/// New values by setting; `None` takes the value away.
pub type Touched = BTreeMap<String, Option<String>>;

/// What a kind of resource says about the settings of lists.
pub struct Lists<'a> {
    /// Whether a setting of that name is a list.
    pub is_list: &'a dyn Fn(&str) -> bool,
    /// What a list is when the resource does not set it.
    pub behind: &'a dyn Fn(&str) -> Option<String>,
}

/// The values that named settings get, by name, as they were given; `None` takes the value away. Settings that a
/// replacement does not name lose theirs.
///
/// # Errors
/// `NotAList`.
pub fn touched(own: &Values, ask: &Ask, lists: &Lists<'_>) -> Result<Touched, AlterError> {
    let touched: Touched = match ask {
        Ask::Incremental(ops) => {
            let one = |(name, op): &(String, Op)| Ok((name.clone(), result(own, name, op, lists)?));
            ops.iter().map(one).collect::<Result<_, AlterError>>()?
        }
        Ask::Replace(values) => {
            let lost = own.keys().map(|name| (name.clone(), None));
            lost.chain(values.iter().map(|(name, value)| (name.clone(), Some(value.clone())))).collect()
        }
    };
    let bytes = |value: &Option<String>| value.as_ref().map_or(0, String::len);
    match touched.iter().find(|(_, value)| bytes(value) > VALUE_BYTES_MAX) {
        Some((setting, value)) => Err(AlterError::TooLong { setting: setting.clone(), bytes: bytes(value) }),
        None => Ok(touched),
    }
}

fn result(own: &Values, name: &str, op: &Op, lists: &Lists<'_>) -> Result<Option<String>, AlterError> {
    let items = |verb| {
        if !(lists.is_list)(name) {
            return Err(AlterError::NotAList { verb, setting: name.to_owned() });
        }
        let list = own.get(name).cloned().or_else(|| (lists.behind)(name)).unwrap_or_default();
        Ok(list.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect::<Vec<_>>())
    };
    match op {
        Op::Set(value) => Ok(Some(value.clone())),
        Op::Delete => Ok(None),
        Op::Append(more) => items("APPEND").map(|list| Some(with(list, more))),
        Op::Subtract(less) => items("SUBTRACT").map(|list| Some(without(list, less))),
    }
}

fn with(list: Vec<String>, more: &str) -> String {
    let new = |item: &&str| !list.iter().any(|held| held == item);
    let new: Vec<_> = items(more).into_iter().filter(new).map(str::to_owned).collect();
    [list, new].concat().join(",")
}

fn without(mut list: Vec<String>, less: &str) -> String {
    for item in items(less) {
        if let Some(at) = list.iter().position(|held| held == item) {
            list.remove(at);
        }
    }
    list.join(",")
}

/// The items of an operation, as Java's `split` sees them: no empty ones at the end, and one in an empty text.
fn items(text: &str) -> Vec<&str> {
    let mut items: Vec<_> = text.split(',').collect();
    while items.len() > 1 && items.last().is_some_and(|last| last.is_empty()) {
        items.pop();
    }
    items
}

/// The first setting that gets a value although `knows` does not know it.
pub fn unknown(touched: &Touched, knows: impl Fn(&str) -> bool) -> Option<&str> {
    let given = touched.iter().filter(|(_, value)| value.is_some());
    given.map(|(setting, _)| setting.as_str()).find(|setting| !knows(setting))
}

/// The settings that end with another value than they have; with `again`, also those that are set to what they have.
pub fn changes(own: &Values, touched: Touched, again: bool) -> Vec<Change> {
    let differs =
        |(name, value): &(String, Option<String>)| own.get(name) != value.as_ref() || (again && value.is_some());
    touched.into_iter().filter(differs).map(|(setting, value)| Change { setting, value }).collect()
}

/// All values that the resource ends with.
pub fn resulting(own: &Values, touched: &Touched) -> Values {
    let mut values = own.clone();
    for (name, value) in touched {
        match value {
            Some(value) => values.insert(name.clone(), value.clone()),
            None => values.remove(name),
        };
    }
    values
}
