//! Whether a repository that is missing is created by the push itself.

use crate::aws::Template;
use crate::image::RepositoryName;

/// The prefix of the template for everything that no other one is for.
const ROOT: &str = "ROOT";

/// The template that covers a name: the one with the longest prefix, else `ROOT`. A `/` is understood at the end of each
/// prefix (ECR API reference, `CreateRepositoryCreationTemplate`).
#[must_use]
pub fn covering<'a>(templates: &'a [Template], name: &RepositoryName) -> Option<&'a Template> {
    let covers = |template: &&Template| {
        let prefix = template.prefix.trim_end_matches('/');
        name.as_str().strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
    };
    let named = templates.iter().filter(|template| template.prefix != ROOT).filter(covers);
    let longest = named.max_by_key(|template| template.prefix.trim_end_matches('/').len());
    longest.or_else(|| templates.iter().find(|template| template.prefix == ROOT))
}
