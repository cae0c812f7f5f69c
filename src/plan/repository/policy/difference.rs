//! Where two values in the same form differ, in lines for the log.

use serde_json::Value;

/// More lines than this are counted and not shown.
const SHOWN: usize = 20;

/// A rule or a statement, by the name under which it is told.
pub(super) type Part = (String, Value);

/// The lines for two lists of parts: `~` what changes within one, `-` what goes, `+` what comes.
pub(super) fn parts(mut found: Vec<Part>, mut wanted: Vec<Part>) -> Vec<String> {
    found.retain(|part| match wanted.iter().position(|other| other.1 == part.1) {
        Some(at) => {
            wanted.remove(at);
            false
        }
        None => true,
    });
    let mut lines = Vec::new();
    let count = |parts: &[Part], name: &str| parts.iter().filter(|(other, _)| other == name).count();
    let mut at = 0;
    while let Some((name, before)) = found.get(at) {
        let partner = wanted.iter().position(|(other, _)| other == name);
        match partner {
            Some(partner) if count(&found, name) == 1 && count(&wanted, name) == 1 => {
                let mut places = Vec::new();
                within("", before, &wanted[partner].1, &mut places);
                lines.push(format!("~ {name}: {}", places.join(", ")));
                found.remove(at);
                wanted.remove(partner);
            }
            _ => at += 1,
        }
    }
    lines.extend(found.iter().map(|(name, value)| format!("- {name}: {value}")));
    lines.extend(wanted.iter().map(|(name, value)| format!("+ {name}: {value}")));
    shorten(lines)
}

/// The places within two values that differ; none if they are equal.
pub(super) fn within(path: &str, found: &Value, wanted: &Value, places: &mut Vec<String>) {
    if found == wanted {
        return;
    }
    let step = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (found, wanted) {
        (Value::Object(before), Value::Object(after)) => {
            let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                match (before.get(key), after.get(key)) {
                    (Some(before), Some(after)) => within(&step(key), before, after, places),
                    (Some(before), None) => places.push(format!("{} {before} goes", step(key))),
                    (None, after) => places.push(format!("{} is to be {}", step(key), after.unwrap_or(&Value::Null))),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            let without = |these: &[Value], those: &[Value]| -> Vec<String> {
                these.iter().filter(|value| !those.contains(value)).map(Value::to_string).collect()
            };
            let (gone, new) = (without(before, after), without(after, before));
            if gone.is_empty() && new.is_empty() {
                places.push(format!("{path} {found} → {wanted}"));
            } else {
                let gone = gone.iter().map(|value| format!("-{value}"));
                let signed: Vec<String> = gone.chain(new.iter().map(|value| format!("+{value}"))).collect();
                places.push(format!("{path} {}", signed.join(" ")));
            }
        }
        (found, wanted) => places.push(format!("{path} {found} → {wanted}").trim_start().to_owned()),
    }
}

fn shorten(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(SHOWN);
    // One line that says "1 more" takes as much room as that one.
    if more > 1 {
        lines.truncate(SHOWN);
        lines.push(format!("… and {more} more"));
    }
    lines
}
