//! The value of `RUN --mount`: fields with commas between them (buildkit `instructions/commands_runmount.go`).

use super::path::{Moved, below};

/// A mount, taken apart.
pub(super) struct Mount {
    fields: Vec<Field>,
}

struct Field {
    /// In lower case.
    key: String,
    /// As written, with `=`.
    name: String,
    value: String,
}

/// The stage, image or context that a mount with this value comes from.
pub(in crate::dockerfile) fn from_of_mount(value: &str) -> Option<String> {
    Mount::of(value).from().map(str::to_owned)
}

impl Mount {
    pub(super) fn of(value: &str) -> Self {
        let field = |field: &str| {
            let at = field.find('=').map_or(field.len(), |equals| equals + 1);
            let (name, value) = field.split_at(at);
            Field {
                key: name.trim_end_matches('=').to_ascii_lowercase(),
                name: name.to_owned(),
                value: value.to_owned(),
            }
        };
        Self { fields: value.split(',').map(field).collect() }
    }

    /// The value of a field; of several the last one counts.
    fn last(&self, key: &str) -> Option<&str> {
        self.fields.iter().rev().find(|field| field.key == key).map(|field| field.value.as_str())
    }

    pub(super) fn kind(&self) -> String {
        self.last("type").unwrap_or("bind").to_lowercase()
    }

    /// The stage, image or context that it comes from.
    pub(super) fn from(&self) -> Option<&str> {
        self.last("from").filter(|from| !from.is_empty())
    }

    /// Takes an image instead.
    pub(super) fn take_image(&mut self, reference: &str) {
        for field in self.fields.iter_mut().filter(|field| field.key == "from") {
            reference.clone_into(&mut field.value);
        }
    }

    /// Takes a folder of the main context's source instead.
    pub(super) fn take_folder(&mut self, folder: &str) {
        let mut any = false;
        for field in self.fields.iter_mut().filter(|field| matches!(field.key.as_str(), "source" | "src")) {
            any = true;
            field.value = match below(folder, &field.value) {
                Moved::Before(text) => text + &field.value,
                Moved::Instead(text) => text,
            };
        }
        if !any {
            let source = Field { key: "source".to_owned(), name: "source=".to_owned(), value: folder.to_owned() };
            match self.fields.iter_mut().find(|field| field.key == "from") {
                Some(from) => *from = source,
                None => self.fields.push(source),
            }
        }
        self.fields.retain(|field| field.key != "from");
    }

    /// The whole flag.
    pub(super) fn flag(&self, escape: char) -> String {
        let fields: Vec<String> = self.fields.iter().map(|field| format!("{}{}", field.name, field.value)).collect();
        let value = fields.join(",");
        let special =
            |character: char| character.is_whitespace() || matches!(character, '"' | '\'') || character == escape;
        if !value.contains(special) {
            return format!("--mount={value}");
        }
        let mut quoted = String::new();
        for character in value.chars() {
            if character == '"' || character == escape {
                quoted.push(escape);
            }
            quoted.push(character);
        }
        format!("--mount=\"{quoted}\"")
    }
}
